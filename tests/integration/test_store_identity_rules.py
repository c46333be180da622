"""Identities as a state machine, on a real PostgreSQL: people write, move, take numbers that others have given up.

What must hold in whatever order: no contact is ever two people, and in the end nobody is two contacts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from models.message import InboundMessage, MessageKind, Sender, WebhookUpdates
from models.tables import conversations, inbox
from security.keyring import Keyring
from store.database import Database
from store.inbox import Inbox
from store.moves import Merges
from store.routing import Router
from tests.factories import Business, fresh, inbound, make_business, wamid

pytestmark = pytest.mark.postgres

Run = Callable[[Coroutine[Any, Any, Any]], Any]
_names = count(1)


@dataclass
class Person:
    """Somebody with one number at a time; `user_id` is None for who is not told by one yet."""

    name: str
    phone: str
    user_id: str | None

    def shown(self, *, by_id_alone: bool = False) -> Sender:
        return Sender(phone=None if by_id_alone and self.user_id else self.phone, user_id=self.user_id)


class Identities(RuleBasedStateMachine):
    """Each rule is one webhook, given to its conversation at once; Meta's clock moves on by a minute a step."""

    business: Business
    run: Run
    people = Bundle("people")

    @initialize()
    def begin(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.given_up: list[str] = []
        self.wrote: dict[bytes, str] = {}  # digest of each message, and who wrote it

    @rule(target=people, has_id=st.booleans(), recycles=st.booleans())
    def somebody_new(self, has_id: bool, recycles: bool) -> Person:
        name = f"person {next(_names)}"
        return Person(name, self._number(recycles), fresh("US.") if has_id else None)

    @rule(person=people, by_id_alone=st.booleans())
    def write(self, person: Person, by_id_alone: bool) -> None:
        self._receive(person, sender=person.shown(by_id_alone=by_id_alone))

    @rule(person=people)
    def get_an_id(self, person: Person) -> None:
        """Meta begins to tell the user id; it comes with the phone first."""
        if person.user_id is None:
            person.user_id = fresh("US.")
            self._receive(person, sender=person.shown())

    @rule(
        person=people, recycles=st.booleans(), writes_first=st.booleans(), hides=st.booleans(), told=st.integers(1, 2)
    )
    def move(self, person: Person, recycles: bool, writes_first: bool, hides: bool, told: int) -> None:
        old = person.shown()
        self.given_up.append(person.phone)
        person.phone = self._number(recycles, but=person.phone)
        person.user_id = fresh("US.") if person.user_id else None
        moved_at = self._tick()
        new = person.shown(by_id_alone=hides)
        if writes_first:
            self._receive(person, sender=person.shown())
        for _ in range(told):  # once for each of our numbers
            fields = {"sender": old, "moved_to": new, "sent_at": moved_at, "said": None}
            self._receive(person, kind=MessageKind.SYSTEM, **fields)

    @rule()
    def merge(self) -> None:
        self.run(Merges(self.business.database).merge())

    @invariant()
    def no_contact_is_two_people(self) -> None:
        if not hasattr(self, "wrote") or not self.wrote:
            return
        people: dict[object, set[str]] = {}
        for digest, contact in self.run(self._contacts()):
            people.setdefault(contact, set()).add(self.wrote[digest])
        assert all(len(names) == 1 for names in people.values()), people

    def teardown(self) -> None:
        """Once all merges are done, nobody is two contacts either."""
        if not getattr(self, "wrote", None):
            return
        self.run(Merges(self.business.database).merge())
        contacts: dict[str, set[object]] = {}
        for digest, contact in self.run(self._contacts()):
            contacts.setdefault(self.wrote[digest], set()).add(contact)
        assert all(len(found) == 1 for found in contacts.values()), contacts

    def _number(self, recycles: bool, but: str = "") -> str:
        free = [number for number in self.given_up if number != but]
        if recycles and free:
            self.given_up.remove(free[0])
            return free[0]
        return f"1999{next(_names):07d}"

    def _tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def _receive(self, person: Person, **fields: Any) -> None:
        values = {"phone_number_id": self.business.number, "sent_at": self._tick(), "wamid": wamid(), **fields}
        message: InboundMessage = inbound(**values)
        self.wrote[self.business.keyring.blind_index(message.wamid, "wamid")] = person.name
        self.run(self._keep(message))

    async def _keep(self, message: InboundMessage) -> None:
        await Inbox(self.business.database, self.business.keyring).receive([WebhookUpdates(messages=(message,))])
        while await Router(self.business.database, self.business.keyring).route():
            pass

    async def _contacts(self) -> list[tuple[bytes, object]]:
        statement = (
            select(inbox.c.wamid_digest, conversations.c.contact_id)
            .join(conversations, conversations.c.id == inbox.c.conversation_id)
            .where(inbox.c.wamid_digest.in_(list(self.wrote)))
        )
        async with self.business.database.read() as connection:
            return [(digest, contact) for digest, contact in await connection.execute(statement)]


def test_whatever_people_do_no_two_become_one(database_url: str, keyring: Keyring) -> None:
    with asyncio.Runner() as runner:

        async def opened() -> tuple[Database, Business]:
            database = Database(database_url, name="identities")
            return database, await make_business(database, keyring)

        database, business = runner.run(opened())
        machine = type("Identities", (Identities,), {"business": business, "run": staticmethod(runner.run)})
        limits = settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],  # to shrink a failure takes minutes; its steps are told anyway
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(machine, settings=limits)
        finally:
            runner.run(database.close())
