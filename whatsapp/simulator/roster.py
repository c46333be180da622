"""Who takes part: the businesses' numbers and the people who hold the phones. All invented."""

import hashlib
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from models.errors import TheyErred


class RosterFull(TheyErred):
    """No room for one more number or user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessNumber:
    """A number of a business, with what its app and its webhook were set up with."""

    phone_number_id: str
    display_phone_number: str
    waba_id: str
    name: str
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    callback_url: str
    portfolio_id: str  # business-scoped user ids are scoped to this
    is_test_number: bool = False  # Meta's test numbers may write to known recipients only (131030)

    @property
    def digits(self) -> str:
        """The number as webhooks show it: digits without "+"."""
        return "".join(character for character in self.display_phone_number if character.isdigit())

    def public(self) -> dict[str, str]:
        """What may be shown: no secrets."""
        return {
            "phone_number_id": self.phone_number_id,
            "display_phone_number": self.display_phone_number,
            "waba_id": self.waba_id,
            "name": self.name,
            "callback_url": self.callback_url,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person on WhatsApp; without `phone` the business sees a username and a business-scoped id only."""

    id: str  # the simulator's own name for this person
    name: str
    phone: str | None  # digits of E.164 without "+"
    username: str | None
    country: str  # ISO 3166, the prefix of business-scoped ids
    moves: int = 0  # how often they changed their number
    is_blocking: bool = False  # them the business: nothing arrives (131026)
    is_opted_out: bool = False  # of marketing: templates do not arrive (131050)

    def business_scoped_id(self, portfolio_id: str) -> str:
        """The id by which one portfolio knows this person: another in the next portfolio, and after a number change.

        Source: Meta, "Business-scoped user IDs": country, a dot, up to 128 letters and digits.
        """
        known_as = f"{portfolio_id}/{self.id}" + (f"/{self.moves}" if self.moves else "")
        return f"{self.country}.{_digits_of(known_as)}"

    def public(self) -> dict[str, str | None]:
        """The person as the chat page and the command line see them."""
        return {"id": self.id, "name": self.name, "phone": self.phone, "username": self.username}


@lru_cache(maxsize=100_000)  # asked for several times a message
def _digits_of(known_as: str) -> str:
    digest = hashlib.sha256(known_as.encode()).digest()
    return f"{int.from_bytes(digest[:8]) % 10**17:017d}"


def _fictional_phones() -> Iterator[str]:
    """Numbers that belong to nobody: 555-0100 to 555-0199 of each North American area code."""
    for area in range(201, 1000):
        for last in range(100, 200):
            yield f"1{area}5550{last}"


class Roster:
    """Numbers by id and users by every name they go by; both bounded."""

    def __init__(self, *, numbers: int, users: int) -> None:
        self._number_limit = numbers
        self._user_limit = users
        self._numbers: dict[str, BusinessNumber] = {}
        self._by_token: dict[str, list[str]] = {}  # access token -> phone_number_ids
        self._users: dict[str, User] = {}
        self._by_phone: dict[str, User] = {}
        self._scoped: dict[tuple[str, str], User] = {}
        self._phones = _fictional_phones()

    @property
    def numbers(self) -> list[BusinessNumber]:
        """All numbers, in the order they were added."""
        return list(self._numbers.values())

    @property
    def users(self) -> list[User]:
        """All users, oldest first."""
        return list(self._users.values())

    def add_number(self, number: BusinessNumber) -> None:
        """Add a number, or replace the one with the same id."""
        if number.phone_number_id not in self._numbers and len(self._numbers) >= self._number_limit:
            raise RosterFull(f"the simulator holds at most {self._number_limit} numbers")
        is_new_portfolio = all(known.portfolio_id != number.portfolio_id for known in self._numbers.values())
        self._numbers[number.phone_number_id] = number
        self._by_token = {}
        for known in self._numbers.values():
            self._by_token.setdefault(known.access_token, []).append(known.phone_number_id)
        for user in self._users.values() if is_new_portfolio else ():
            self._scope(user, number.portfolio_id)

    def number(self, phone_number_id: str) -> BusinessNumber | None:
        """The number with this id."""
        return self._numbers.get(phone_number_id)

    def opened_by(self, access_token: str) -> set[str]:
        """The ids of the numbers that were set up with this access token."""
        return set(self._by_token.get(access_token, ()))

    def add_user(self, name: str, *, phone: str | None, with_phone: bool, username: str | None, country: str) -> User:
        """A new person; with `with_phone` and no `phone` a fictional number is given.

        Raises:
            RosterFull: too many users.
            TheyErred: the phone belongs to somebody already.
        """
        if len(self._users) >= self._user_limit:
            raise RosterFull(f"the simulator holds at most {self._user_limit} users")
        if phone is not None and phone in self._by_phone:
            raise TheyErred("this phone number belongs to another user")
        user = User(
            id="u" + secrets.token_hex(6),
            name=name,
            phone=self._free_phone() if phone is None and with_phone else phone,
            username=username,
            country=country,
        )
        self._keep(user)
        return user

    def add_users(self, count: int, *, without_phone_share: float, seed: int) -> list[User]:
        """Many people at once, named for their place; a seeded share of them has a username and no phone.

        Raises:
            RosterFull: too many users; none was added.
        """
        if len(self._users) + count > self._user_limit:
            raise RosterFull(f"the simulator holds at most {self._user_limit} users")
        chance = random.Random(f"{seed}/users")  # noqa: S311 - repeatable on purpose
        first = len(self._users) + 1
        added = []
        for place in range(first, first + count):
            is_hidden = chance.random() < without_phone_share
            name, username = f"Guest {place}", f"guest{place}" if is_hidden else None
            added.append(self.add_user(name, phone=None, with_phone=not is_hidden, username=username, country="US"))
        return added

    def move(self, user: User, *, with_phone: bool) -> User:
        """Give somebody another number (or none that can be seen), and with it other business-scoped ids.

        The old ids reach nobody from now on.
        """
        if user.phone is not None:
            del self._by_phone[user.phone]
        for portfolio_id in self._portfolios():
            self._scoped.pop((portfolio_id, user.business_scoped_id(portfolio_id)), None)
        phone = self._free_phone() if with_phone else None
        moved = replace(user, phone=phone, username=user.username or user.id, moves=user.moves + 1)
        self._keep(moved)
        return moved

    def set_standing(self, user: User, *, is_blocking: bool, is_opted_out: bool) -> User:
        """Change what somebody lets businesses send them."""
        changed = replace(user, is_blocking=is_blocking, is_opted_out=is_opted_out)
        self._keep(changed)
        return changed

    def _free_phone(self) -> str:
        """One that nobody has had.

        Raises:
            RosterFull: all fictional numbers are given away.
        """
        free = next((candidate for candidate in self._phones if candidate not in self._by_phone), None)
        if free is None:
            raise RosterFull("all fictional phone numbers are given away")
        return free

    def _keep(self, user: User) -> None:
        self._users[user.id] = user
        if user.phone is not None:
            self._by_phone[user.phone] = user
        for portfolio_id in self._portfolios():
            self._scope(user, portfolio_id)

    def _portfolios(self) -> set[str]:
        return {number.portfolio_id for number in self._numbers.values()}

    def user(self, reference: str) -> User | None:
        """The person with this simulator id or phone number, with or without "+"."""
        return self._users.get(reference) or self._by_phone.get(reference.lstrip("+"))

    def user_by_scoped_id(self, portfolio_id: str, user_id: str) -> User | None:
        """The person whom this portfolio knows by this business-scoped id."""
        return self._scoped.get((portfolio_id, user_id))

    def _scope(self, user: User, portfolio_id: str) -> None:
        self._scoped[portfolio_id, user.business_scoped_id(portfolio_id)] = user
