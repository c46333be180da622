"""Tenants, their numbers, and the Meta apps that sign for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Row, Select, null, select, update
from sqlalchemy.dialects.postgresql import insert

from models.conversation import Tenant
from models.errors import TheyErred
from models.tables import apps, numbers, tenants
from security.keyring import Keyring
from store.database import Database, Writing

MOST_SECRETS = 2  # of an app at a time: its newest and the one before it


class NoSuchAccount(TheyErred):
    """A tenant, number or app that nobody has added."""


class AppOfAnother(TheyErred):
    """An app signs for another tenant's number; whoever brings other secrets must not replace that tenant's."""


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

    async def add_tenant(
        self,
        slug: str,
        name: str,
        languages: Sequence[str],
        *,
        patience: timedelta | None = None,
        window_template: Mapping[str, Any] | None = None,
    ) -> Tenant:
        """Make or rename a tenant; what is not given stays as it is.

        Args:
            slug: short name.
            name: as users know it.
            languages: ISO 639-1, the first is the default.
            patience: with lines that look unfinished.
            window_template: Meta's template object, for users who wrote more than 24 hours ago; an empty one: none.
        """
        given: dict[str, Any] = {"name": name, "languages": list(languages)}
        if patience is not None:
            given["patience_ms"] = round(patience.total_seconds() * 1000)
        if window_template is not None:
            given["window_template"] = dict(window_template) or null()
        statement = insert(tenants).values(id=uuid4(), slug=slug, **given)
        kept = statement.on_conflict_do_update(index_elements=["slug"], set_=given).returning(tenants)
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
        """Add a number with its app, or replace what was known of either; a stopped number starts again.

        Raises:
            AppOfAnother: the app serves another tenant and has other secrets; nothing was changed.
        """
        number = {
            "tenant_id": tenant_id,
            "app_name": app.name,
            "portfolio": portfolio,
            "display_phone_number": display_phone_number,
            "access_token": self._keyring.encrypt_text(access_token, "numbers.access_token"),
            "stopped_reason": None,
        }
        new_number = insert(numbers).values(phone_number_id=phone_number_id, **number)
        async with self._database.write() as connection:
            await self._keep_app(connection, tenant_id, app)
            await connection.execute(new_number.on_conflict_do_update(index_elements=["phone_number_id"], set_=number))

    async def rotate_secret(self, app_name: str, secret: bytes, *, forget_old: bool = False) -> None:
        """Let an app sign with a new secret, put before the old one, which may sign until the next rotation.

        Args:
            app_name: of an app that some number has.
            secret: as Meta shows it after "reset".
            forget_old: whether the old one must not sign any more, as when it has leaked.
        Raises:
            NoSuchAccount: no app has this name.
        """
        async with self._database.write() as connection:
            row = (await connection.execute(_app_named(app_name))).one_or_none()
            if row is None:
                raise NoSuchAccount(
                    f"no app is called '{app_name}'; ./parley numbers list shows the app of each number"
                )
            old = () if forget_old else self._app(row).secrets
            secrets = tuple(dict.fromkeys((secret, *old)))[:MOST_SECRETS]
            statement = update(apps).where(apps.c.name == app_name).values(secrets=self._seal_secrets(secrets))
            await connection.execute(statement)

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

    async def _keep_app(self, connection: Writing, tenant_id: UUID, app: App) -> None:
        """Make the app, or replace its secrets where it is this tenant's alone."""
        signing = {
            "secrets": self._seal_secrets(app.secrets),
            "verify_token": self._keyring.encrypt_text(app.verify_token, "apps.verify_token"),
        }
        await connection.execute(insert(apps).values(name=app.name, **signing).on_conflict_do_nothing())
        known = self._app((await connection.execute(_app_named(app.name))).one())
        of_others = select(numbers.c.phone_number_id).where(
            numbers.c.app_name == app.name, numbers.c.tenant_id != tenant_id
        )
        if (await connection.execute(of_others.limit(1))).first() is None:
            await connection.execute(update(apps).where(apps.c.name == app.name).values(**signing))
        elif not set(app.secrets) <= set(known.secrets) or app.verify_token != known.verify_token:
            raise AppOfAnother(
                f"the app '{app.name}' signs for another tenant's number, with other secrets; name an app of its own"
            )

    def _seal_secrets(self, secrets: Sequence[bytes]) -> bytes:
        return self._keyring.encrypt(orjson.dumps([secret.decode() for secret in secrets]), "apps.secrets")

    def _app(self, row: Row[Any]) -> App:
        secrets = orjson.loads(self._keyring.decrypt(row.secrets, "apps.secrets"))
        return App(
            name=row.name,
            secrets=tuple(secret.encode() for secret in secrets),
            verify_token=self._keyring.decrypt_text(row.verify_token, "apps.verify_token"),
        )


def _app_named(name: str) -> Select[Any]:
    """Lock it: whoever compares the secrets and then writes them must see the newest."""
    return select(apps).where(apps.c.name == name).with_for_update()


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(
        id=row.id,
        slug=row.slug,
        name=row.name,
        languages=tuple(row.languages),
        patience=timedelta(milliseconds=row.patience_ms),
    )


def _number(row: Row[Any]) -> Number:
    return Number(
        phone_number_id=row.phone_number_id,
        tenant_slug=row.slug,
        app_name=row.app_name,
        display_phone_number=row.display_phone_number,
        stopped_reason=row.stopped_reason,
    )
