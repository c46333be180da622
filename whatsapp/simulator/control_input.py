"""Reads what the control API is asked; whatever is wrong with it becomes one sentence."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from models.errors import TheyErred
from whatsapp.simulator.http_shapes import read_json
from whatsapp.simulator.roster import BusinessNumber, Roster, User

Json = dict[str, Any]
_LONGEST_WAIT_S = 120.0
Model = TypeVar("Model", bound=BaseModel)


class ControlRefused(TheyErred):
    """An answer of the control API other than 200."""

    def __init__(self, http_status: int, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status


async def read_posted(request: Request) -> Json:
    """The JSON of a POST; other content types are refused, so that no foreign web page can post here unasked."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ControlRefused(415, "the Content-Type must be application/json")
    return await read_json(request)


def read_text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > 2_000:
        raise ControlRefused(422, f"'{name}' must be a text")
    return value


def read_digits(phone: str) -> str:
    digits = "".join(character for character in phone if character.isdigit())
    if not 7 <= len(digits) <= 15:
        raise ControlRefused(422, "'phone' must be a phone number with its country code")
    return digits


def read_country(body: Json) -> str:
    country = str(body.get("country", "US")).upper()
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        raise ControlRefused(422, "'country' must be two letters")
    return country


def read_seconds(request: Request, name: str) -> float:
    try:
        seconds = float(request.query_params.get(name, "0"))
    except ValueError:
        raise ControlRefused(422, f"'{name}' must be a number of seconds") from None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if seconds == seconds else 0.0  # not NaN


async def read_model(request: Request, model: type[Model]) -> Model:
    """The JSON of a POST as one of the simulator's own shapes."""
    try:
        return model.model_validate(await read_posted(request))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ControlRefused(422, f"{place}: {first['msg']}" if place else first["msg"]) from None


def read_count(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, cut at `most`."""
    given = request.query_params.get(name, str(default))
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise ControlRefused(422, f"'{name}' must be a whole number")
    return min(int(given), most)


def read_bool(body: Json, name: str, default: bool) -> bool:
    """A field that is true or false."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise ControlRefused(422, f"'{name}' must be true or false")
    return value


def read_number(body: Json, name: str, default: float) -> float:
    """A field that is a number."""
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ControlRefused(422, f"'{name}' must be a number")
    return float(value)


def named_user(roster: Roster, reference: str) -> User:
    """The user with this id or phone."""
    user = roster.user(reference)
    if user is None:
        raise ControlRefused(404, "no such user")
    return user


def named_number(roster: Roster, phone_number_id: str) -> BusinessNumber:
    """The number with this id."""
    number = roster.number(phone_number_id)
    if number is None:
        raise ControlRefused(404, "no such number")
    return number
