"""The webhook's replica."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from deployments.connections import Connections
    from store.accounts import App


class IngressReplica:
    """The webhook."""

    async def __init__(self) -> None:  # type: ignore[misc]  # Serve awaits constructors
        """Connect and begin to commit."""
        from deployments.connections import Connections
        from deployments.ingress import Ingress
        from deployments.signers import CachedSigners
        from store.accounts import Accounts
        from store.inbox import Inbox

        self._connections = Connections.open("ingress", pool_size=4)
        accounts = Accounts(self._connections.database, self._connections.keyring)
        inbox = Inbox(self._connections.database, self._connections.keyring)
        self._ingress = Ingress(inbox, CachedSigners(accounts, _any_app(self._connections)))
        self._ingress.start()

    async def __call__(self, request: Request) -> Response:
        """Answer Meta."""
        return await self._ingress.handle(request)

    async def check_health(self) -> None:
        """Fail when the commit loop has died."""
        self._ingress.require_alive()

    async def __del__(self) -> None:
        """Commit what waits."""
        await self._ingress.drain()
        await self._connections.database.close()


def _any_app(connections: "Connections") -> "App | None":
    from deployments.signers import ANY_APP
    from store.accounts import App

    settings = connections.settings
    if not settings.app_secrets and settings.verify_token is None:
        return None
    return App(
        name=ANY_APP,
        secrets=tuple(secret.get_secret_value().encode() for secret in settings.app_secrets),
        verify_token=settings.verify_token.get_secret_value() if settings.verify_token else "",
    )
