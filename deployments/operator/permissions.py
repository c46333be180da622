"""Who may call a route: every route declares it, and a test fails for one that does not."""

from enum import StrEnum

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from security.tokens import matches


class Permission(StrEnum):
    """What a caller must be allowed to do."""

    PUBLIC = "public"  # nothing is asked, so nothing is told but ok or not ok, and the console's empty page
    OBSERVE = "observe"  # status and figures; the operator's bearer token
    ANSWER = "answer"  # reading what people wrote, and writing to them; the operator's bearer token


class Guard:
    """The dependency that lets a request through or answers 401."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        if self.permission is Permission.PUBLIC:
            return
        presented = _bearer(request)
        # Nothing is no token, even where an operator's setting was left empty and its hash is that of nothing.
        if not presented or not matches(presented, request.app.state.house.ports.token_hash):
            raise HTTPException(401, "This needs the operator's bearer token.", {"WWW-Authenticate": "Bearer"})


def declared_permission(route: BaseRoute) -> Permission | None:
    """Give what a route asks for, None where it declares nothing."""
    if not isinstance(route, APIRoute):
        return None
    guards = [each.call for each in route.dependant.dependencies if isinstance(each.call, Guard)]
    return guards[0].permission if len(guards) == 1 else None


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
