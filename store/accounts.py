"""Tenants, their numbers, and the Meta apps that sign for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert

from models.conversation import Tenant
from models.errors import TheyErred
from models.tables import apps, numbers, tenants
from security.keyring import Keyring
from store.database import Database


class NoSuchAccount(TheyErred):
    """A tenant or number that nobody has added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A Meta app: the secrets that may sign (newest first) and the token that verifies its callback URL."""

    name: str
    secrets: tuple[bytes, ...]
    verify_token: str

    def __repr__(self) -> str:
        """Never show a secret."""
        return f"App({self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A WhatsApp number of a tenant, without its secrets."""

    phone_number_id: str
    tenant_slug: str
    app_name: str
    display_phone_number: str
    stopped_reason: str | None


class Accounts:
    """Who the businesses are."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def add_tenant(self, slug: str, name: str, languages: Sequence[str]) -> Tenant:
        """Make or rename a tenant."""
        statement = insert(tenants).values(id=uuid4(), slug=slug, name=name, languages=list(languages))
        kept = statement.on_conflict_do_update(
            index_elements=["slug"], set_={"name": name, "languages": list(languages)}
        ).returning(tenants)
        async with self._database.write() as connection:
            return _tenant((await connection.execute(kept)).one())

    async def tenants(self) -> list[Tenant]:
        """Give all tenants by slug."""
        async with self._database.read() as connection:
            return [_tenant(row) for row in await connection.execute(select(tenants).order_by(tenants.c.slug))]

    async def tenant(self, slug: str) -> Tenant:
        """Give one tenant.

        Raises:
            NoSuchAccount: the message says how to add it.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(tenants).where(tenants.c.slug == slug))).one_or_none()
        if row is None:
            raise NoSuchAccount(f"no tenant is called '{slug}'; add it with ./parley tenants add {slug} --name …")
        return _tenant(row)

    async def add_number(
        self,
        *,
        tenant_id: UUID,
        phone_number_id: str,
        display_phone_number: str,
        portfolio: str,
        app: App,
        access_token: str,
    ) -> None:
        """Add a number with its app, or replace what was known of either; a stopped number starts again."""
        number = {
            "tenant_id": tenant_id,
            "app_name": app.name,
            "portfolio": portfolio,
            "display_phone_number": display_phone_number,
            "access_token": self._keyring.encrypt_text(access_token, "numbers.access_token"),
            "stopped_reason": None,
        }
        signing = {
            "secrets": self._keyring.encrypt(orjson.dumps([secret.decode() for secret in app.secrets]), "apps.secrets"),
            "verify_token": self._keyring.encrypt_text(app.verify_token, "apps.verify_token"),
        }
        new_app = insert(apps).values(name=app.name, **signing)
        new_number = insert(numbers).values(phone_number_id=phone_number_id, **number)
        async with self._database.write() as connection:
            await connection.execute(new_app.on_conflict_do_update(index_elements=["name"], set_=signing))
            await connection.execute(new_number.on_conflict_do_update(index_elements=["phone_number_id"], set_=number))

    async def numbers(self) -> list[Number]:
        """Give all numbers, without secrets."""
        statement = (
            select(numbers, tenants.c.slug).join(tenants, tenants.c.id == numbers.c.tenant_id).order_by(tenants.c.slug)
        )
        async with self._database.read() as connection:
            return [_number(row) for row in await connection.execute(statement)]

    async def start_number(self, phone_number_id: str) -> None:
        """Send from a stopped number again.

        Raises:
            NoSuchAccount: nobody has added it.
        """
        statement = update(numbers).where(numbers.c.phone_number_id == phone_number_id).values(stopped_reason=None)
        async with self._database.write() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise NoSuchAccount(f"no number has the id {phone_number_id}; ./parley numbers list shows all")

    async def signers(self) -> tuple[Mapping[str, App], Mapping[str, str]]:
        """Give all apps by name, and the name of the app of each number: what the ingress checks signatures with."""
        async with self._database.read() as connection:
            known = {row.name: self._app(row) for row in await connection.execute(select(apps))}
            rows = await connection.execute(select(numbers.c.phone_number_id, numbers.c.app_name))
            return known, {row.phone_number_id: row.app_name for row in rows}

    async def access_token(self, phone_number_id: str) -> str:
        """Give the token that Graph asks for.

        Raises:
            NoSuchAccount: nobody has added the number.
        """
        statement = select(numbers.c.access_token).where(numbers.c.phone_number_id == phone_number_id)
        async with self._database.read() as connection:
            sealed = (await connection.execute(statement)).scalar_one_or_none()
        if sealed is None:
            raise NoSuchAccount("the number of a queued message is gone")
        return self._keyring.decrypt_text(sealed, "numbers.access_token")

    def _app(self, row: Row[Any]) -> App:
        secrets = orjson.loads(self._keyring.decrypt(row.secrets, "apps.secrets"))
        return App(
            name=row.name,
            secrets=tuple(secret.encode() for secret in secrets),
            verify_token=self._keyring.decrypt_text(row.verify_token, "apps.verify_token"),
        )


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(id=row.id, slug=row.slug, name=row.name, languages=tuple(row.languages))


def _number(row: Row[Any]) -> Number:
    return Number(
        phone_number_id=row.phone_number_id,
        tenant_slug=row.slug,
        app_name=row.app_name,
        display_phone_number=row.display_phone_number,
        stopped_reason=row.stopped_reason,
    )
