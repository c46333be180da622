"""The calls of a trial: make things go wrong, let many people write, and read the verdict."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, Literal

from whatsapp.simulator.client_values import LoadState, Progress, SimulatedUser
from whatsapp.simulator.knobs import Faults, GraphFaults, Limits, LoadPlan, WebhookFaults
from whatsapp.simulator.verdict import Match, Verdict

_USERS_A_CALL = 10_000
_LOOK_EVERY_S = 0.25


class TrialCalls(ABC):
    """Part of `SimulatorClient`; all methods raise what it raises."""

    @abstractmethod
    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]: ...

    # -- limits, faults, time --------------------------------------------------------------------------------------

    async def set_faults(
        self, *, graph: GraphFaults | None = None, webhook: WebhookFaults | None = None, seed: int = 0
    ) -> Faults:
        """Misbehave like this from now on; what is left out is calm, so that no argument ends all faults."""
        faults = Faults(seed=seed, graph=graph or GraphFaults(), webhook=webhook or WebhookFaults())
        return Faults(**await self._call("POST", "/simulator/faults", json=faults.model_dump(mode="json")))

    async def faults(self) -> Faults:
        """The faults in force."""
        return Faults(**await self._call("GET", "/simulator/faults"))

    async def set_limits(self, limits: Limits) -> None:
        """Enforce these from now on, with full buckets."""
        await self._call("POST", "/simulator/limits", json=limits.model_dump(mode="json"))

    async def limits(self) -> Limits:
        """The limits in force."""
        return Limits(**await self._call("GET", "/simulator/limits"))

    async def now(self) -> float:
        """Unix seconds by the simulator's clock, in which all its times are told."""
        return float((await self._call("GET", "/simulator/clock"))["now"])

    async def advance(self, seconds: float) -> None:
        """Let time pass at once: windows close, files and links expire."""
        await self._call("POST", "/simulator/clock", json={"advance_s": seconds})

    # -- people ----------------------------------------------------------------------------------------------------

    async def add_users(self, count: int, *, without_phone_share: float = 0.0, seed: int = 0) -> list[SimulatedUser]:
        """Many people; a seeded share of them has a username and a business-scoped id only."""
        added: list[SimulatedUser] = []
        while len(added) < count:
            body = {
                "count": min(count - len(added), _USERS_A_CALL),
                "without_phone_share": without_phone_share,
                "seed": seed + len(added),
            }
            found = await self._call("POST", "/simulator/users/batch", json=body)
            added += [SimulatedUser(**user) for user in found["users"]]
        return added

    async def move(self, user: str, *, with_phone: bool = True) -> SimulatedUser:
        """A user takes another number; businesses are told by a `system` message."""
        return SimulatedUser(
            **await self._call("POST", f"/simulator/users/{user}/move", json={"with_phone": with_phone})
        )

    async def set_standing(
        self, user: str, *, is_blocking: bool | None = None, is_opted_out: bool | None = None
    ) -> None:
        """A user blocks businesses (131026), or opts out of marketing (131050 for templates); None leaves it."""
        given = {"is_blocking": is_blocking, "is_opted_out": is_opted_out}
        body = {name: value for name, value in given.items() if value is not None}
        await self._call("POST", f"/simulator/users/{user}/standing", json=body)

    async def send_update(self, number: str, field: str, value: dict[str, Any]) -> None:
        """Any webhook to a number's callback; its metadata is added."""
        await self._call("POST", "/simulator/updates", json={"to": number, "field": field, "value": value})

    # -- load ------------------------------------------------------------------------------------------------------

    async def start_load(self, plan: LoadPlan) -> LoadState:
        """Let many users write from now on, in an open loop."""
        return LoadState(**await self._call("POST", "/simulator/loads", json=plan.model_dump(mode="json")))

    async def load(self, load_id: str) -> LoadState:
        """How far a load is."""
        return LoadState(**await self._call("GET", f"/simulator/loads/{load_id}"))

    async def stop_load(self, load_id: str) -> LoadState:
        """End a load before its time."""
        return LoadState(**await self._call("DELETE", f"/simulator/loads/{load_id}"))

    async def wait_for_load(self, load_id: str, timeout_s: float) -> LoadState:
        """Return once everything is written.

        Raises:
            TimeoutError: it takes longer.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                state = await self.load(load_id)
                if state.is_done:
                    return state
                await asyncio.sleep(_LOOK_EVERY_S)

    # -- what came of it -------------------------------------------------------------------------------------------

    async def progress(self) -> Progress:
        """Counts that cost next to nothing."""
        return Progress(**await self._call("GET", "/simulator/progress"))

    async def wait_until_quiet(self, timeout_s: float, quiet_s: float = 5.0) -> Progress:
        """Return once no webhook and no chat waits and nothing has been delivered for a while, or the time is up."""
        loop = asyncio.get_running_loop()
        ends_at, last, since = loop.time() + timeout_s, await self.progress(), loop.time()
        while loop.time() < ends_at:
            seen, now = await self.progress(), loop.time()
            is_waiting = seen.waiting_chats > 0 or seen.webhooks["pending"] > 0
            if is_waiting or (seen.delivered, seen.accepted) != (last.delivered, last.accepted):
                since = now
            if now - since >= quiet_s:
                return seen
            last = seen
            await asyncio.sleep(_LOOK_EVERY_S)
        return last

    async def reset_ledger(self) -> None:
        """Begin a new trial; its ledger is empty."""
        await self._call("POST", "/simulator/ledger/reset", json={})

    async def ledger(self, side: Literal["written", "told"]) -> AsyncIterator[dict[str, Any]]:
        """All rows of one side, as `journal.Written` or `journal.Told` have them, in their order."""
        after, total = 0, 1
        while after < total:
            page = await self._call("GET", f"/simulator/ledger/{side}", params={"after": after})
            for row in page["rows"]:
                yield row
            if not page["rows"]:
                return
            after, total = page["next"], page["total"]

    async def verdict(self, match: Match = "auto") -> Verdict:
        """What the trial has shown so far; see `verdict.py` for the rules."""
        found = await self._call("GET", "/simulator/verdict", params={"match": match}, timeout=120.0)
        del found["holds"]
        named = {key: tuple(value) for key, value in found.items() if key.endswith("_wamids")}
        return Verdict(**{**found, **named})
