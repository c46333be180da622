"""The part of the control API for trials: limits, faults, time, load, and what came of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whatsapp.simulator.control_input import (
    ControlRefused,
    named_number,
    named_user,
    read_bool,
    read_count,
    read_model,
    read_number,
    read_posted,
    read_text,
)
from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.knobs import Faults, Limits, LoadPlan
from whatsapp.simulator.load import Load, Loads
from whatsapp.simulator.people import change_number, set_standing
from whatsapp.simulator.roster import User
from whatsapp.simulator.verdict import Match, judge
from whatsapp.simulator.webhook_bodies import update_body

Endpoint = Callable[[Request], Awaitable[Response]]

_ROWS_A_PAGE: Final = 5_000
_USERS_A_CALL: Final = 10_000


class TrialApi:
    """Endpoints over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._loads = Loads(exchange)
        exchange.at_close(self._loads.close)

    def table(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and endpoint."""
        return [
            ("GET", "/simulator/faults", self._show_faults),
            ("POST", "/simulator/faults", self._set_faults),
            ("GET", "/simulator/limits", self._show_limits),
            ("POST", "/simulator/limits", self._set_limits),
            ("GET", "/simulator/clock", self._show_clock),
            ("POST", "/simulator/clock", self._advance),
            ("POST", "/simulator/users/batch", self._add_users),
            ("POST", "/simulator/users/{user}/move", self._move),
            ("POST", "/simulator/users/{user}/standing", self._set_standing),
            ("POST", "/simulator/updates", self._send_update),
            ("POST", "/simulator/loads", self._start_load),
            ("GET", "/simulator/loads/{load}", self._show_load),
            ("DELETE", "/simulator/loads/{load}", self._stop_load),
            ("GET", "/simulator/progress", self._progress),
            ("GET", "/simulator/ledger/{side}", self._ledger),
            ("POST", "/simulator/ledger/reset", self._reset),
            ("GET", "/simulator/verdict", self._verdict),
        ]

    # -- limits, faults, time --------------------------------------------------------------------------------------

    async def _show_faults(self, request: Request) -> Response:
        return JSONResponse(self._exchange.chance.faults.model_dump(mode="json"))

    async def _set_faults(self, request: Request) -> Response:
        """All faults at once; what the body leaves out is calm from now on."""
        self._exchange.set_faults(await read_model(request, Faults))
        return await self._show_faults(request)

    async def _show_limits(self, request: Request) -> Response:
        return JSONResponse(self._exchange.limits.model_dump(mode="json"))

    async def _set_limits(self, request: Request) -> Response:
        self._exchange.set_limits(await read_model(request, Limits))
        return await self._show_limits(request)

    async def _show_clock(self, request: Request) -> Response:
        return JSONResponse({"now": self._exchange.now()})

    async def _advance(self, request: Request) -> Response:
        """Let time pass at once: windows close, files and links expire, buckets fill."""
        self._exchange.clock.advance(read_number(await read_posted(request), "advance_s", 0.0))
        return await self._show_clock(request)

    # -- people ----------------------------------------------------------------------------------------------------

    async def _add_users(self, request: Request) -> Response:
        body = await read_posted(request)
        count, share = read_number(body, "count", 0), read_number(body, "without_phone_share", 0.0)
        if not 1 <= count <= _USERS_A_CALL or count != int(count) or not 0 <= share <= 1:
            raise ControlRefused(422, f"'count' must be 1 to {_USERS_A_CALL}, 'without_phone_share' 0 to 1")
        seed = int(read_number(body, "seed", 0))
        users = self._exchange.roster.add_users(int(count), without_phone_share=share, seed=seed)
        return JSONResponse({"users": [user.public() for user in users]}, 201)

    async def _move(self, request: Request) -> Response:
        """The user takes another number; businesses are told by a `system` message."""
        with_phone = read_bool(await read_posted(request), "with_phone", True)
        return JSONResponse(change_number(self._exchange, self._user(request), with_phone=with_phone).public())

    async def _set_standing(self, request: Request) -> Response:
        body, user = await read_posted(request), self._user(request)
        is_blocking = read_bool(body, "is_blocking", user.is_blocking)
        is_opted_out = read_bool(body, "is_opted_out", user.is_opted_out)
        changed = set_standing(self._exchange, user, is_blocking=is_blocking, is_opted_out=is_opted_out)
        return JSONResponse({"is_blocking": changed.is_blocking, "is_opted_out": changed.is_opted_out})

    async def _send_update(self, request: Request) -> Response:
        """Any webhook: a field and its value, to which the number's metadata is added."""
        body = await read_posted(request)
        number, value = named_number(self._exchange.roster, read_text(body, "to")), body.get("value")
        if not isinstance(value, dict):
            raise ControlRefused(422, "'value' must be an object")
        update = update_body(number, read_text(body, "field"), value)
        self._exchange.postman.post(number.phone_number_id, "", update)
        return JSONResponse({"ok": True}, 201)

    # -- load ------------------------------------------------------------------------------------------------------

    async def _start_load(self, request: Request) -> Response:
        return JSONResponse(self._loads.start(await read_model(request, LoadPlan)).view(), 201)

    async def _show_load(self, request: Request) -> Response:
        return JSONResponse(self._load(request).view())

    async def _stop_load(self, request: Request) -> Response:
        load = self._load(request)
        await load.stop()
        return JSONResponse(load.view())

    # -- what came of it -------------------------------------------------------------------------------------------

    async def _progress(self, request: Request) -> Response:
        return JSONResponse(self._exchange.progress())

    async def _ledger(self, request: Request) -> Response:
        """A page of rows, in the order in which they came to be; `next` is good as `after`."""
        journal, side = self._exchange.journal, request.path_params["side"]
        if side not in ("written", "told"):
            raise ControlRefused(404, "the ledger has two sides: written and told")
        after = read_count(request, "after", 0, 10**9)
        rows = cast(list[Any], journal.written if side == "written" else journal.told)
        page = rows[after : after + read_count(request, "limit", _ROWS_A_PAGE, _ROWS_A_PAGE)]
        return JSONResponse({"rows": [asdict(row) for row in page], "next": after + len(page), "total": len(rows)})

    async def _reset(self, request: Request) -> Response:
        self._exchange.journal.reset()
        return JSONResponse({"ok": True})

    async def _verdict(self, request: Request) -> Response:
        """In a thread: with many rows it takes a second, in which calls must go on."""
        match = request.query_params.get("match", "auto")
        if match not in ("auto", "token", "quote"):
            raise ControlRefused(422, "'match' must be auto, token or quote")
        journal = self._exchange.journal
        written, told, is_whole = list(journal.written), list(journal.told), not journal.overflow
        verdict = await asyncio.to_thread(judge, written, told, match=cast(Match, match), is_whole=is_whole)
        return JSONResponse({**asdict(verdict), "holds": verdict.holds})

    # -- who and what is named -------------------------------------------------------------------------------------

    def _user(self, request: Request) -> User:
        return named_user(self._exchange.roster, request.path_params["user"])

    def _load(self, request: Request) -> Load:
        load = self._loads.find(request.path_params["load"])
        if load is None:
            raise ControlRefused(404, "no such load")
        return load
