"""Who may sign webhooks: the apps of the tenants' numbers, and the app of the settings.

One rule: the secret that matches must belong to the app of each known number in the body, so that no tenant can sign
for another.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from models.errors import StoreUnavailable
from store.accounts import App
from whatsapp.signature import is_signed_by

ANY_APP = "*"  # name of the secrets of PARLEY_APP_SECRETS: they may sign for every number


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """Who may sign for which number."""

    apps: Mapping[str, App]
    app_of_number: Mapping[str, str]


class SignerSource(Protocol):
    """Gives the signers, from a cache that is at most some seconds old."""

    async def current(self, *, fresh: bool = False) -> Signers: ...


def signing_apps(body: bytes, signature: str | None, signers: Signers) -> frozenset[str]:
    """Give the names of all apps whose secret has signed these bytes."""
    return frozenset(
        name for name, app in signers.apps.items() if is_signed_by(body=body, header=signature, secrets=app.secrets)
    )


def may_sign(numbers: frozenset[str], signing: frozenset[str], signers: Signers) -> bool:
    """Say whether every known number of the body belongs to an app that signed it: no tenant signs for another."""
    if ANY_APP in signing:
        return True
    owners = {signers.app_of_number[number] for number in numbers if number in signers.app_of_number}
    return owners <= signing


class SignersReader(Protocol):
    """What is needed of `store.accounts.Accounts`."""

    async def signers(self) -> tuple[Mapping[str, App], Mapping[str, str]]: ...


class CachedSigners:
    """The signers, read again after some seconds."""

    LIFE_S = 10.0
    FRESH_S = 0.5  # a burst of wrong signatures must not become a burst of reads
    LIMIT_S = 4.0  # of waiting, for the lock too: behind a stuck read requests would queue for minutes

    def __init__(self, read: SignersReader, any_app: App | None) -> None:
        """Take the store's reader, and the app of the settings, whose secrets may sign for every number."""
        self._read = read
        self._any_app = any_app
        self._known: Signers | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def current(self, *, fresh: bool = False) -> Signers:
        """Give the signers.

        Raises:
            StoreUnavailable: they are too old and cannot be read; nothing can be checked, so nothing is accepted.
        """
        if not fresh and self._known is not None and time.monotonic() - self._read_at <= self.LIFE_S:
            return self._known  # the common case, for which a lock and a timer would cost more than the check
        try:
            async with asyncio.timeout(self.LIMIT_S):
                return await self._current(fresh)
        except TimeoutError:
            raise StoreUnavailable("who may sign could not be read in time") from None

    async def _current(self, fresh: bool) -> Signers:
        async with self._lock:
            age_s = time.monotonic() - self._read_at
            if self._known is None or age_s > (self.FRESH_S if fresh else self.LIFE_S):
                apps, app_of_number = await self._read.signers()
                if self._any_app is not None:
                    apps = {**apps, ANY_APP: self._any_app}
                self._known = Signers(apps=apps, app_of_number=app_of_number)
                self._read_at = time.monotonic()
            return self._known
