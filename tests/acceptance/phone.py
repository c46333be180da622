"""A person with a phone, at the simulator."""

from dataclasses import dataclass

from tests.acceptance.shop import SHOP
from whatsapp.simulator.client import ChatMessage, SimulatedUser, SimulatorClient

REPLY_LIMIT_S = 60.0  # 25 s is the promise on a machine that is not busy with other tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One user who writes to the shop."""

    simulator: SimulatorClient
    user: SimulatedUser

    @property
    def digits(self) -> str:
        assert self.user.phone is not None
        return self.user.phone

    async def write(self, text: str) -> str:
        """Send a text; give its wamid."""
        return await self.simulator.send_text(self.user.id, SHOP.number, text)

    async def reply(self, after: str) -> ChatMessage:
        """The first thing the shop says after this message."""
        replies = await self.simulator.wait_for_reply(self.user.id, SHOP.number, after, REPLY_LIMIT_S)
        assert replies, f"no reply within {REPLY_LIMIT_S:.0f} s"
        return replies[0]

    async def ask(self, text: str) -> str:
        """Send a text; give what is said to it."""
        return (await self.reply(await self.write(text))).text

    async def chat(self) -> list[ChatMessage]:
        """All that this person sees."""
        return await self.simulator.history(self.user.id, SHOP.number)

    async def answers(self) -> list[ChatMessage]:
        """All that the shop has said."""
        return [line for line in await self.chat() if line.by == "business"]

    async def line(self, wamid: str) -> ChatMessage:
        """One message, as it stands now."""
        return next(line for line in await self.chat() if line.wamid == wamid)
