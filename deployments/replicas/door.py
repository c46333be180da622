"""The thin root of applications that nothing should come in by."""

import asyncio
from collections.abc import Mapping
from typing import Any


class Door:
    """A root that lets nothing in; `deployments/app.py` says why there is one.

    It knows what stands behind it and asks how it is.
    """

    def __init__(self, **behind: Any) -> None:
        """Take the handles, by name."""
        self._behind = behind

    async def status(self) -> Mapping[str, Any]:
        """Ask each deployment behind the door; one that does not answer is told as such."""
        asked = await asyncio.gather(*(self._ask(handle) for handle in self._behind.values()))
        return dict(zip(self._behind, asked, strict=True))

    async def _ask(self, handle: Any) -> Any:
        try:
            async with asyncio.timeout(3.0):
                return await handle.status.remote()
        except Exception:  # whatever it is, the operator must see the others
            return {"alive": False}
