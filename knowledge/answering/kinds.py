"""What kind of thing a question asks for, and whether a sentence holds one: a price, a time, a place."""

import re
from enum import StrEnum

from knowledge.answering.words import fold


class Kind(StrEnum):
    """What must stand in the answer."""

    MONEY = "money"
    TIME = "time"  # of the day or the week, or a date
    DURATION = "duration"
    COUNT = "count"
    WEIGHT = "weight"
    SIZE = "size"  # lengths, areas, volumes
    FREQUENCY = "frequency"
    PLACE = "place"
    CONTACT = "contact"
    PERSON = "person"
    WAY = "way"  # how something is done
    YES_NO = "yes_no"
    OPEN = "open"  # anything else


MEASURABLE = frozenset(
    {
        Kind.MONEY,
        Kind.TIME,
        Kind.DURATION,
        Kind.COUNT,
        Kind.WEIGHT,
        Kind.SIZE,
        Kind.FREQUENCY,
        Kind.PLACE,
        Kind.CONTACT,
    }
)
UNMISTAKABLE = frozenset({Kind.MONEY, Kind.WEIGHT, Kind.SIZE})  # a reply without its unit is no answer

_DAY = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekdays?|weekends?|lunes|martes|miercoles|jueves|viernes|sabados?"
    r"|domingos?|festivos?|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_UNIT = (
    r"minutes?|mins?|hours?|days?|nights?|weeks?|months?|years?|seasons?|minutos?|horas?|dias?|noches?|semanas?|mes(?:es)?"
    r"|anos?|temporadas?"
)
_NUMBER = (
    r"\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|half|un[oa]?|dos|tres|cuatro"
    r"|cinco|seis|siete|ocho|nueve|diez|doce|quince|veinte|treinta|medio|media|several|varios|varias"
)

# First match wins, so what is narrower stands first.
_ASKED: tuple[tuple[Kind, str], ...] = (
    (Kind.FREQUENCY, r"\bhow (?:often|frequent|many times)|\bcada cuanto|\bcon que frecuencia|\bcuantas veces"),
    (
        Kind.DURATION,
        r"\bhow (?:long|soon|fast|quick)|\bhow many (?:\w+ )?(?:minutes|hours|days|weeks|months|years)"
        r"|\bcuant[oa]s? (?:tiempo|tardan?|dura|duran|antes|antelacion|horas|semanas|noches)"
        r"|\bcuantos? (?:\w+ )?(?:minutos|dias|meses|anos|plazos?)|\b(?:cuanto|que) plazo"
        r"|\bque (?:duracion|antelacion)|\btard(?:a|an|ais|are)\b",
    ),
    (
        Kind.MONEY,
        r"\bhow mut?ch\b|\bprices?\b|\bcosts?\b|\bfees?\b|\bcharges?\b|\bfine for\b|\bcuesta|\bcoste\b|\bprecios?\b"
        r"|\btarifas?\b|\bque vale|\bquanto\b"
        r"|\bcuanto (?:cuesta|cuestan|vale|valen|es|son|cobra|sale|costaria|pago|hay que pagar|me)",
    ),
    (Kind.WEIGHT, r"\bhow heavy\b|\bweights?\b|\bweighs?\b|\bpesos?\b|\bpesan?\b"),
    (
        Kind.SIZE,
        r"\bhow (?:tall|deep|large|wide|high)\b|\bdimensions?\b|\bmeasurements?\b|\bdimensiones\b"
        r"|\bque (?:medidas?|tamano|altura|profundidad)\b|\bcuanto miden?\b|\bcuanta (?:altura|profundidad)\b",
    ),
    (Kind.COUNT, r"\bhow (?:many|old|far|big)\b|\bcuant[oa]s?\b|\bque edad"),
    (Kind.PLACE, r"\bwhere?\b|\baddress\b|\blocated\b|\bdonde\b|\bdireccion\b"),
    (
        Kind.CONTACT,
        r"\b(?:phone|telephone|e-?mail|mail) ?(?:number|address)?\b.*\?|\bwhat(?:'s| is) your (?:phone|number|email)"
        r"|\btelefono\b|\bcorreo\b|\bnumero de\b",
    ),
    (Kind.PERSON, r"\bwho\b|\bquien(?:es)?\b"),
    (
        Kind.TIME,
        r"(?:^|[.?!,;] ?|\b(?:and|so|hi|hello|until|till|since) )when\b|\bwhen (?:do|does|is|are|can|will|did|should)\b"
        r"|(?:^|[.?!,;¿] ?|\b(?:y|hasta|desde|para) )¿?cuando\b|\bwhat time|\bhow (?:late|early)|\bhours\b"
        r"|\bque h?oras?\b|\bhorarios?\b|\bque dias?\b|\b(?:which|what) days?\b",
    ),
    (Kind.WAY, r"\bhow (?:do|can|could|should|to)\b|\bcomo\b|\bde que (?:forma|manera)"),
    (
        Kind.YES_NO,
        r"^\W*(?:(?:and|y|so|but|pero|hi|hello|hola|do|does|did|is|are|can|could|may|will|would|have|has|am|must"
        r"|should)\b\W*)?(?:do|does|did|is|are|can|could|may|will|would|have|has|am|must|should|i|you|u|there"
        r"|teneis|tienen?|hay|puedo|pueden?|se pueden?|podemos"
        r"|podeis|aceptais|haceis|abris|abren?|esta|estan|es|son|admitis"
        r"|ofreceis|vendeis|atendeis|enviais|hacen|aceptan|necesito|tengo que|hace falta|os|me|existe)\b",
    ),
)
_ASKED_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _ASKED)

_HELD: dict[Kind, re.Pattern[str]] = {
    Kind.MONEY: re.compile(
        r"[€$£]|\b(?:eur|euros?|usd|gbp|dollars?|pounds?|pesos?|cents?|centimos)\b|\bfree\b|\bgratis\b"
        r"|\bgratuit[oa]s?\b|\bno (?:extra )?(?:cost|charge)|\bsin (?:coste|cargo)|\d ?%|\bincluded\b|\bincluid[oa]s?\b"
    ),
    Kind.TIME: re.compile(
        rf"\b\d{{1,2}}[:.h]\d\d\b|\b\d{{1,2}} ?(?:am|pm|a\.m\.|p\.m\.|h)\b|\b(?:{_DAY})\b|\bmidnight\b|\bnoon\b"
        r"|\bmediodia\b|\bround the clock\b|\b24 (?:hours|horas)|\bdaily\b|\bdiario\b|\bsame day\b|\bmismo dia\b"
        rf"|\b(?:{_NUMBER}) (?:\w+ )?(?:{_UNIT})\b"
    ),
    Kind.DURATION: re.compile(
        rf"\b(?:{_NUMBER})(?:-| )(?:\w+ )?(?:{_UNIT})\b|\bsame day\b|\bmismo dia\b|\bnext day\b|\b24/7\b|\bhalf a day\b"
    ),
    Kind.FREQUENCY: re.compile(
        r"\b(?:every|each|once|twice|times|daily|weekly|monthly|yearly|annual|annually|hourly|cada|todos los|todas las"
        r"|una vez|veces|diari[oa]|semanal|mensual|anual|al (?:dia|mes|ano)|a la semana)\b"
    ),
    Kind.COUNT: re.compile(rf"\b(?:{_NUMBER})\b|\d"),
    Kind.WEIGHT: re.compile(r"\d ?(?:kgs?|kilos?|kilogram(?:me|o)?s?|g|gram(?:me|o)?s?|lbs?|pounds?|libras?|tons?)\b"),
    Kind.SIZE: re.compile(
        r"\d ?(?:mm|cm|m|km|m2|metres?|meters?|metros?|centimetr[eo]s?|inch(?:es)?|pulgadas?|ft|feet|foot|pies|l"
        r"|litres?|liters?|litros?)\b|\d ?[\"”″]|\d ?m²|\b\d+ ?[x\u00d7] ?\d"
    ),
    Kind.PLACE: re.compile(
        r"\b(?:street|st|lane|road|avenue|square|floor|next to|opposite|behind|near|corner|station|calle|avenida"
        r"|plaza|paseo|piso|planta|junto a|enfrente|frente a|detras|cerca|esquina|at|in|en|from|under|settings"
        r"|counter|desk)\b"
    ),
    Kind.WAY: re.compile(
        r"\b(?:you can|can be|go to|choose|click|press|write|call|book|under|puedes|se puede|pulsa|elige|escribe|llama"
        r"|hay que|ajustes|settings)\b|>"
    ),
    Kind.CONTACT: re.compile(r"\+?\d[\d ]{7,}|\b\S+@\S+|\bwww\.|https?://"),
}


def asked_kind(question: str) -> Kind:
    """Give the kind of thing that the question asks for; OPEN where no pattern tells."""
    text = fold(question)
    for kind, pattern in _ASKED_PATTERNS:
        if pattern.search(text):
            return kind
    return Kind.OPEN


def holds(kind: Kind, sentence: str) -> bool:
    """Tell whether the sentence holds such a thing; kinds without a pattern are held by every sentence."""
    pattern = _HELD.get(kind)
    return pattern is None or bool(pattern.search(fold(sentence)))
