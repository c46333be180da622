"""What the service says in its own name, in the user's language; all else is the business's own words.

One rule: nobody is promised more than the service can keep. "Shall I get a person?" is a question; only an accepted
hand-off says that somebody comes.
"""

from collections.abc import Mapping
from enum import StrEnum

FALLBACK_LANGUAGE = "en"


class Phrase(StrEnum):
    """What is meant; `say` knows the words."""

    ABSTAIN = "abstain"  # the business's knowledge holds no answer
    HOLDING = "holding"  # no answer in time: a person has been asked
    HANDOFF_OFFERED = "handoff_offered"  # shall somebody take over?
    HANDOFF_ACCEPTED = "handoff_accepted"  # a person has been asked for, or has taken over
    VOICE_NOT_UNDERSTOOD = "voice_not_understood"
    IMAGE_NOT_UNDERSTOOD = "image_not_understood"
    OPTED_OUT = "opted_out"  # no marketing any more; questions are still answered
    OPTED_IN = "opted_in"
    UNSUPPORTED = "unsupported"  # any other kind of message that we cannot read


_EN: Mapping[Phrase, str] = {
    Phrase.ABSTAIN: "I don't know that, I'm afraid. Shall I get a person to help?",
    Phrase.HOLDING: "Thank you for your message. A colleague will come back to you here.",
    Phrase.HANDOFF_OFFERED: "Would you like me to pass you on to a person?",
    Phrase.HANDOFF_ACCEPTED: "I have asked a colleague to take over. They will write to you here.",
    Phrase.VOICE_NOT_UNDERSTOOD: "I can't listen to voice messages yet. Could you write it to me, please?",
    Phrase.IMAGE_NOT_UNDERSTOOD: "I can't look at pictures yet. Could you describe it in words, please?",
    Phrase.OPTED_OUT: (
        "You will get no more news or offers from us. "
        "Your questions are still answered here. Write START to get them again."
    ),
    Phrase.OPTED_IN: "You will get news and offers from us again. Write STOP to end them.",
    Phrase.UNSUPPORTED: "I can't read this kind of message yet. Could you write it to me, please?",
}

_ES: Mapping[Phrase, str] = {
    Phrase.ABSTAIN: "Eso no lo sé, lo siento. ¿Quieres que te atienda una persona?",
    Phrase.HOLDING: "Gracias por tu mensaje. Un compañero te responderá por aquí.",
    Phrase.HANDOFF_OFFERED: "¿Quieres que te pase con una persona?",
    Phrase.HANDOFF_ACCEPTED: "He pedido a un compañero que te atienda. Te escribirá por aquí.",
    Phrase.VOICE_NOT_UNDERSTOOD: "Todavía no puedo escuchar notas de voz. ¿Me lo escribes, por favor?",
    Phrase.IMAGE_NOT_UNDERSTOOD: "Todavía no puedo ver imágenes. ¿Me lo describes con palabras, por favor?",
    Phrase.OPTED_OUT: (
        "No te enviaremos más novedades ni ofertas. "
        "Tus preguntas se siguen respondiendo aquí. Escribe ALTA para recibirlas de nuevo."
    ),
    Phrase.OPTED_IN: "Volverás a recibir novedades y ofertas. Escribe BAJA para dejar de recibirlas.",
    Phrase.UNSUPPORTED: "Todavía no puedo leer este tipo de mensaje. ¿Me lo escribes, por favor?",
}

_DE: Mapping[Phrase, str] = {
    Phrase.ABSTAIN: "Das weiß ich leider nicht. Soll ich jemanden aus dem Team dazuholen?",
    Phrase.HOLDING: "Danke für Ihre Nachricht. Jemand aus dem Team meldet sich hier bei Ihnen.",
    Phrase.HANDOFF_OFFERED: "Möchten Sie mit einem Menschen aus dem Team schreiben?",
    Phrase.HANDOFF_ACCEPTED: "Ich habe jemanden aus dem Team gebeten zu übernehmen. Sie bekommen hier Antwort.",
    Phrase.VOICE_NOT_UNDERSTOOD: "Sprachnachrichten kann ich noch nicht anhören. Können Sie es mir bitte schreiben?",
    Phrase.IMAGE_NOT_UNDERSTOOD: "Bilder kann ich noch nicht ansehen. Können Sie es bitte in Worten beschreiben?",
    Phrase.OPTED_OUT: (
        "Sie bekommen keine Neuigkeiten und Angebote mehr. "
        "Ihre Fragen werden hier weiter beantwortet. Mit START bekommen Sie sie wieder."
    ),
    Phrase.OPTED_IN: "Sie bekommen wieder Neuigkeiten und Angebote. Mit STOP beenden Sie das.",
    Phrase.UNSUPPORTED: "Diese Art von Nachricht kann ich noch nicht lesen. Können Sie es mir bitte schreiben?",
}

_FR: Mapping[Phrase, str] = {
    Phrase.ABSTAIN: "Je ne le sais pas, désolé. Voulez-vous que je fasse venir une personne ?",
    Phrase.HOLDING: "Merci pour votre message. Un collègue vous répondra ici.",
    Phrase.HANDOFF_OFFERED: "Voulez-vous que je vous passe une personne ?",
    Phrase.HANDOFF_ACCEPTED: "J'ai demandé à un collègue de prendre le relais. Il vous écrira ici.",
    Phrase.VOICE_NOT_UNDERSTOOD: "Je ne peux pas encore écouter les messages vocaux. Pouvez-vous l'écrire ?",
    Phrase.IMAGE_NOT_UNDERSTOOD: "Je ne peux pas encore voir les images. Pouvez-vous la décrire avec des mots ?",
    Phrase.OPTED_OUT: (
        "Vous ne recevrez plus de nouvelles ni d'offres. "
        "Vos questions reçoivent toujours une réponse ici. Écrivez START pour les recevoir à nouveau."
    ),
    Phrase.OPTED_IN: "Vous recevrez à nouveau nos nouvelles et nos offres. Écrivez STOP pour les arrêter.",
    Phrase.UNSUPPORTED: "Je ne peux pas encore lire ce type de message. Pouvez-vous l'écrire ?",
}

_IT: Mapping[Phrase, str] = {
    Phrase.ABSTAIN: "Questo non lo so, mi dispiace. Vuoi che ti faccia aiutare da una persona?",
    Phrase.HOLDING: "Grazie per il messaggio. Un collega ti risponderà qui.",
    Phrase.HANDOFF_OFFERED: "Vuoi che ti passi una persona?",
    Phrase.HANDOFF_ACCEPTED: "Ho chiesto a un collega di occuparsene. Ti scriverà qui.",
    Phrase.VOICE_NOT_UNDERSTOOD: "Non posso ancora ascoltare i messaggi vocali. Puoi scrivermelo, per favore?",
    Phrase.IMAGE_NOT_UNDERSTOOD: "Non posso ancora vedere le immagini. Puoi descrivermela a parole, per favore?",
    Phrase.OPTED_OUT: (
        "Non riceverai più novità né offerte. Alle tue domande rispondiamo ancora qui. "
        "Scrivi START per riceverle di nuovo."
    ),
    Phrase.OPTED_IN: "Riceverai di nuovo novità e offerte. Scrivi STOP per non riceverle più.",
    Phrase.UNSUPPORTED: "Non posso ancora leggere questo tipo di messaggio. Puoi scrivermelo, per favore?",
}

_PT: Mapping[Phrase, str] = {
    Phrase.ABSTAIN: "Isso eu não sei, lamento. Quer que eu chame uma pessoa para ajudar?",
    Phrase.HOLDING: "Obrigado pela sua mensagem. Um colega vai responder por aqui.",
    Phrase.HANDOFF_OFFERED: "Quer que eu passe a conversa a uma pessoa?",
    Phrase.HANDOFF_ACCEPTED: "Pedi a um colega que assuma a conversa. Ele vai escrever por aqui.",
    Phrase.VOICE_NOT_UNDERSTOOD: "Ainda não consigo ouvir mensagens de voz. Pode escrever, por favor?",
    Phrase.IMAGE_NOT_UNDERSTOOD: "Ainda não consigo ver imagens. Pode descrever por palavras, por favor?",
    Phrase.OPTED_OUT: (
        "Não vai receber mais novidades nem ofertas. "
        "As suas perguntas continuam a ter resposta aqui. Escreva START para voltar a recebê-las."
    ),
    Phrase.OPTED_IN: "Vai voltar a receber novidades e ofertas. Escreva STOP para deixar de as receber.",
    Phrase.UNSUPPORTED: "Ainda não consigo ler este tipo de mensagem. Pode escrever, por favor?",
}

TEXTS: Mapping[str, Mapping[Phrase, str]] = {"en": _EN, "es": _ES, "de": _DE, "fr": _FR, "it": _IT, "pt": _PT}


def say(phrase: Phrase, language: str) -> str:
    """Give the words in `language` (ISO 639-1, a region behind a dash is ignored), else in English."""
    words = TEXTS.get(language.lower().partition("-")[0], TEXTS[FALLBACK_LANGUAGE])
    return words[phrase]
