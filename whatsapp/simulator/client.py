"""A small typed client of the simulator's control API, for the command line, the tests and the benchmarks."""

from types import TracebackType
from typing import Any, Self

import httpx2

from whatsapp.simulator.client_trials import TrialCalls
from whatsapp.simulator.client_values import ChatMessage, SimulatedUser, SimulatorRefused, SimulatorUnreachable
from whatsapp.simulator.samples import sample_image, sample_voice

__all__ = ["ChatMessage", "SimulatedUser", "SimulatorClient", "SimulatorRefused", "SimulatorUnreachable"]


class SimulatorClient(TrialCalls):
    """One connection to one simulator; use it as an async context manager.

    Users are named by id or phone, numbers by phone_number_id. All methods raise SimulatorRefused and
    SimulatorUnreachable.
    """

    def __init__(self, base_url: str, *, control_token: str | None = None, timeout_s: float = 15.0) -> None:
        self._timeout_s = timeout_s
        headers = {} if control_token is None else {"Authorization": f"Bearer {control_token}"}
        self._http = httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=timeout_s, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def health(self) -> dict[str, Any]:
        """`{"ok": true, "webhooks": {...}}` with the counts of the webhook queue."""
        return await self._call("GET", "/simulator/health")

    async def add_number(
        self,
        *,
        phone_number_id: str,
        display_phone_number: str,
        waba_id: str,
        name: str,
        access_token: str,
        app_secret: str,
        verify_token: str,
        callback_url: str,
        portfolio_id: str | None = None,
        is_test_number: bool = False,
    ) -> None:
        """Add or replace a business number; its callback is verified first, and refused if that fails."""
        body = {
            "phone_number_id": phone_number_id,
            "display_phone_number": display_phone_number,
            "waba_id": waba_id,
            "name": name,
            "access_token": access_token,
            "app_secret": app_secret,
            "verify_token": verify_token,
            "callback_url": callback_url,
            "portfolio_id": portfolio_id,
            "is_test_number": is_test_number,
        }
        await self._call("POST", "/simulator/numbers", json=body)

    async def numbers(self) -> list[dict[str, Any]]:
        """All numbers, without their secrets."""
        found: list[dict[str, Any]] = (await self._call("GET", "/simulator/numbers"))["numbers"]
        return found

    async def add_user(
        self, name: str, *, with_phone: bool = True, phone: str | None = None, username: str | None = None
    ) -> SimulatedUser:
        """A new person; with neither `phone` nor `with_phone=False` a fictional number is given."""
        body = {"name": name, "with_phone": with_phone, "phone": phone, "username": username}
        return SimulatedUser(**await self._call("POST", "/simulator/users", json=body))

    async def users(self) -> list[SimulatedUser]:
        """The newest 200 users."""
        found = await self._call("GET", "/simulator/users")
        return [SimulatedUser(**user) for user in found["users"]]

    async def send(self, user: str, number: str, kind: str, content: Any, reply_to: str | None = None) -> str:
        """Any kind of message, with Meta's object for it (for media: `id` of `upload`). Returns its wamid."""
        body = {"from": user, "to": number, "type": kind, kind: content}
        if reply_to is not None:
            body["context"] = {"message_id": reply_to}
        return await self._say(body)

    async def send_text(self, user: str, number: str, text: str, reply_to: str | None = None) -> str:
        """A user writes. Returns the wamid."""
        return await self.send(user, number, "text", {"body": text}, reply_to)

    async def send_image(
        self,
        user: str,
        number: str,
        content: bytes | None = None,
        mime_type: str = "image/png",
        caption: str | None = None,
    ) -> str:
        """A user sends a picture (a built-in one by default). Returns the wamid."""
        media_id = await self.upload(content or sample_image(), mime_type)
        return await self.send(user, number, "image", {"id": media_id, "caption": caption})

    async def send_voice(self, user: str, number: str, content: bytes | None = None) -> str:
        """A user sends a voice note in Ogg/Opus (a built-in one by default). Returns the wamid."""
        media_id = await self.upload(content or sample_voice(), "audio/ogg; codecs=opus")
        return await self.send(user, number, "audio", {"id": media_id, "voice": True})

    async def press(self, user: str, number: str, message: str, choice_id: str) -> str:
        """A user presses a button, or chooses a row, of the business's message with this wamid. Returns the wamid."""
        return await self._say(
            {"from": user, "to": number, "type": "press", "message_id": message, "choice_id": choice_id}
        )

    async def react(self, user: str, number: str, message: str, emoji: str) -> str:
        """A user reacts to a message; an empty emoji takes the reaction back. Returns the wamid."""
        return await self.send(user, number, "reaction", {"message_id": message, "emoji": emoji})

    async def mark_read(self, message: str) -> None:
        """A user opens the chat and sees the business's messages up to this one."""
        await self._call("POST", "/simulator/receipts", json={"wamid": message, "state": "read"})

    async def upload(self, content: bytes, mime_type: str) -> str:
        """Keep a file that a user is about to send. Returns its id."""
        stored = await self._call("POST", "/simulator/media", content=content, headers={"Content-Type": mime_type})
        return str(stored["id"])

    async def wait_for_reply(self, user: str, number: str, after: str, timeout_s: float) -> list[ChatMessage]:
        """What the business has said after the message with this wamid; empty if it stays silent so long."""
        found = await self._look(user, number, {"after": after, "wait_s": str(timeout_s)}, timeout_s)
        return [message for message in found if message.by == "business"]

    async def history(self, user: str, number: str, after: str | None = None) -> list[ChatMessage]:
        """The conversation in the order its user saw it, from the start or after a wamid."""
        return await self._look(user, number, {"after": after or ""}, 0.0)

    async def _look(self, user: str, number: str, query: dict[str, str], wait_s: float) -> list[ChatMessage]:
        path = f"/simulator/conversations/{user.lstrip('+')}/{number}"
        found = await self._call("GET", path, params=query, timeout=self._timeout_s + wait_s)
        return [_chat_message(message) for message in found["messages"]]

    async def _say(self, body: dict[str, Any]) -> str:
        return str((await self._call("POST", "/simulator/messages", json=body))["wamid"])

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise SimulatorUnreachable("the simulator does not answer") from error
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        raise SimulatorRefused(_reason(response))


def _reason(response: httpx2.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the simulator answered HTTP {response.status_code}"


def _chat_message(view: dict[str, Any]) -> ChatMessage:
    return ChatMessage(
        seq=view["seq"],
        wamid=view["wamid"],
        by=view["by"],
        kind=view["kind"],
        text=view["text"],
        content=view["content"],
        reply_to=view["reply_to"],
        status=view["status"],
        times=view["times"],
        reactions=view["reactions"],
    )
