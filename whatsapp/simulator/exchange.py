"""The exchange between users and businesses: a message of one side is kept, shown and told to the other.

The Graph API, the control API and the page all act through this one class; faults and rate limits belong here.
"""

import asyncio
from typing import Any

from whatsapp.simulator.events import EventHub
from whatsapp.simulator.graph_errors import GraphError, bad_parameter, bad_value, later_error
from whatsapp.simulator.ledger import LADDER, Ledger, LedgerEntry
from whatsapp.simulator.media import UPLOAD_LIFE_S, MediaFile, MediaShelf, fits_kind
from whatsapp.simulator.media_fetch import fetch_link
from whatsapp.simulator.options import ReadReceipts, SimulatorOptions
from whatsapp.simulator.outbound_rules import MEDIA_KINDS, Outbound
from whatsapp.simulator.postman import Postman
from whatsapp.simulator.roster import BusinessNumber, Roster, User
from whatsapp.simulator.views import entry_view
from whatsapp.simulator.wamid import make_wamid
from whatsapp.simulator.webhook_bodies import message_body, status_body

Json = dict[str, Any]

WINDOW_S = 24 * 3600.0  # Meta: free-form messages only this long after the user's last message
TYPING_S = 25.0  # Meta, "Typing indicators": gone on reply or after 25 seconds


class Exchange:
    """Everything the simulator knows, and the moves that change it; all moves run on one event loop."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.roster = Roster(numbers=options.numbers, users=options.users)
        self.ledger = Ledger(conversation_messages=options.conversation_messages, total_messages=options.total_messages)
        self.shelf = MediaShelf(capacity_bytes=options.media_bytes)
        self.events = EventHub()
        self.postman = Postman(options)
        self._fetch_slots = asyncio.Semaphore(8)
        self._fetches: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def start(self) -> None:
        """Open the outgoing connections."""
        await self.postman.start()

    async def close(self) -> None:
        """Stop all that is under way; safe twice."""
        self._is_closed = True
        self.events.close()
        for task in self._fetches:
            task.cancel()
        await asyncio.gather(*self._fetches, return_exceptions=True)
        await self.postman.close()

    async def add_number(self, number: BusinessNumber) -> None:
        """Verify the callback as Meta does, then take the number in.

        Raises:
            VerificationFailed: the number was not added.
            RosterFull: too many numbers.
        """
        await self.postman.verify(number.callback_url, number.verify_token)
        self.roster.add_number(number)
        self.postman.register(number)
        self.events.publish("number", number.public())

    def now(self) -> float:
        """Unix seconds by the simulator's clock."""
        return self.options.clock()

    # -- what users do ---------------------------------------------------------------------------------------------

    def say(self, user: User, number: BusinessNumber, kind: str, content: Json, reply_to: str | None) -> LedgerEntry:
        """A user does something in a chat: keep it, show it, send the webhook."""
        address = user.phone or user.business_scoped_id(number.portfolio_id)
        entry = LedgerEntry(
            wamid=make_wamid(address, by_user=True),
            user_id=user.id,
            phone_number_id=number.phone_number_id,
            by="user",
            kind=kind,
            content=content,
            reply_to=reply_to,
            times={"accepted": self.now()},
        )
        entry.times["sent"] = entry.times["accepted"]
        self.ledger.record(entry)
        self.ledger.conversation(user.id, number.phone_number_id).last_user_at = self.now()
        self._show(entry)
        self.postman.post(
            number.phone_number_id, user.id, message_body(number, user, entry), lambda: self._climb(entry, "delivered")
        )
        return entry

    def acknowledge(self, entry: LedgerEntry, state: str) -> None:
        """A user has seen (or played) this message of the business: blue ticks, and the status webhook.

        Reading marks all earlier messages of the business too.
        """
        if self.options.read_receipts is ReadReceipts.NEVER:
            return
        earlier = [entry]
        if state == "read":
            shown = self.ledger.conversation(entry.user_id, entry.phone_number_id).shown.values()
            earlier = [e for e in shown if e.by == "business" and e.seq <= entry.seq and "read" not in e.times]
        for message in earlier:
            self._report(message, state)

    # -- what businesses do ----------------------------------------------------------------------------------------

    def accept(self, number: BusinessNumber, outbound: Outbound) -> tuple[LedgerEntry, Json]:
        """Take a message of a business; its statuses follow.

        Returns:
            the message, and the element of `contacts` for the answer.
        Raises:
            GraphError: the message was not taken.
        """
        user = self._recipient(number, outbound)
        self._check_media(number, outbound)
        entry = LedgerEntry(
            wamid=make_wamid(self._address(number, outbound, user), by_user=False),
            user_id=user.id if user else "",
            phone_number_id=number.phone_number_id,
            by="business",
            kind=outbound.kind,
            content=outbound.content,
            reply_to=outbound.reply_to,
            callback_data=outbound.callback_data,
            times={"accepted": self.now()},
        )
        self.ledger.record(entry)
        recipient = self._recipient_ids(number, outbound, user)
        failure = self._failure(entry, user)
        loop = asyncio.get_running_loop()
        if failure is not None:
            loop.call_later(self.options.sent_after_s, self._fail, entry, failure, recipient)
        elif entry.kind in MEDIA_KINDS:
            self._spawn_fetch(entry)
        else:
            loop.call_later(self.options.sent_after_s, self._report, entry, "sent")
            loop.call_later(self.options.delivered_after_s, self._deliver, entry)
        return entry, self._contact(number, outbound, user)

    def mark_read(self, number: BusinessNumber, wamid: str, *, typing: bool) -> None:
        """A business has read up to this message, and may be typing.

        Raises:
            GraphError: no such message of a user to this number.
        """
        entry = self.ledger.find(wamid)
        if entry is None or entry.by != "user" or entry.phone_number_id != number.phone_number_id:
            raise bad_value("Message id does not exist, or was not sent to this phone number.")
        conversation = self.ledger.conversation(entry.user_id, entry.phone_number_id)
        for message in list(conversation.shown.values()):
            if message.by == "user" and message.seq <= entry.seq:
                self._climb(message, "read")
        if typing:
            conversation.typing_until = self.now() + TYPING_S
            self._tell(entry, "typing", {"seconds": TYPING_S})

    # -- the life of a message of a business -----------------------------------------------------------------------

    def _deliver(self, entry: LedgerEntry) -> None:
        """It reaches the phone: a bubble, or an emoji on another bubble."""
        if self._is_closed:
            return
        self.ledger.conversation(entry.user_id, entry.phone_number_id).typing_until = 0.0
        if "delivered" not in entry.times:
            entry.times["delivered"] = self.now()
        self._show(entry)
        self._send_status(entry, "delivered")
        if self.options.read_receipts is ReadReceipts.ALWAYS:
            self._report(entry, "read")

    def _report(self, entry: LedgerEntry, state: str) -> None:
        if not self._is_closed and self._climb(entry, state):
            self._send_status(entry, state)

    def _climb(self, entry: LedgerEntry, state: str) -> bool:
        """Note a step and tell the page; False where the message was there already."""
        if state in entry.times or self._is_closed:
            return False
        entry.times[state] = self.now()
        if LADDER.index(state) >= LADDER.index(entry.status):
            self._tell(entry, "status", {"wamid": entry.wamid, "status": entry.status, "times": entry.times})
        return True

    def _fail(self, entry: LedgerEntry, code: int, recipient: Json) -> None:
        if self._is_closed:
            return
        entry.times["failed"] = self.now()
        entry.error = later_error(code)
        self._send_status(entry, "failed", recipient)

    def _send_status(self, entry: LedgerEntry, state: str, recipient: Json | None = None) -> None:
        number, user = self.roster.number(entry.phone_number_id), self.roster.user(entry.user_id)
        if number is None:
            return
        if recipient is None and user is not None:
            recipient = {"recipient_user_id": user.business_scoped_id(number.portfolio_id)}
            recipient |= {"recipient_id": user.phone} if user.phone else {}
        lane = entry.user_id or entry.wamid
        self.postman.post(number.phone_number_id, lane, status_body(number, user, entry, state, recipient or {}))

    def _show(self, entry: LedgerEntry) -> None:
        self.ledger.show(entry)
        if entry.kind == "reaction":
            self._react(entry)
            return
        self._tell(entry, "message", {"message": entry_view(entry, self.ledger)})

    def _react(self, entry: LedgerEntry) -> None:
        target = self.ledger.find(str(entry.content.get("message_id")))
        if target is None:
            return
        target.reactions.pop(entry.by, None)
        if entry.content.get("emoji"):
            target.reactions[entry.by] = entry.content["emoji"]
        self._tell(entry, "reaction", {"wamid": target.wamid, "reactions": target.reactions})

    def _tell(self, entry: LedgerEntry, name: str, body: Json) -> None:
        self.events.publish(name, {"user": entry.user_id, "number": entry.phone_number_id, **body})

    # -- who, and whether ------------------------------------------------------------------------------------------

    def _recipient(self, number: BusinessNumber, outbound: Outbound) -> User | None:
        if outbound.to is None:
            return self.roster.user_by_scoped_id(number.portfolio_id, outbound.recipient or "")
        digits = "".join(c for c in outbound.to if c.isdigit())
        if not 7 <= len(digits) <= 15 or not set(outbound.to) <= set("+0123456789 ()-."):
            raise bad_value("Parameter 'to' is not a valid phone number.")
        if digits == number.digits:
            raise GraphError(131021, "(#131021) Recipient cannot be sender", "Sender and recipient are the same.")
        user = self.roster.user(digits)
        if user is None and number.is_test_number:
            details = "Recipient phone number not in allowed list: Add recipient phone number to recipient list."
            raise GraphError(131030, "(#131030) Recipient phone number not in allowed list", details)
        return user

    def _check_media(self, number: BusinessNumber, outbound: Outbound) -> None:
        if outbound.kind not in MEDIA_KINDS or "id" not in outbound.content:
            return
        file = self.shelf.find(outbound.content["id"], self.now())
        if file is None or number.phone_number_id not in file.numbers:
            raise bad_parameter(
                f"Param {outbound.kind}['id'] is not a valid whatsapp business account media attachment ID"
            )

    def _failure(self, entry: LedgerEntry, user: User | None) -> int | None:
        """The code with which Meta would report this message as failed, after taking it."""
        if user is None:
            return 131026
        if entry.kind == "reaction" and self.ledger.find(entry.content["message_id"]) is None:
            return 131009
        last_user_at = self.ledger.conversation(user.id, entry.phone_number_id).last_user_at
        is_open = last_user_at is not None and self.now() - last_user_at < WINDOW_S
        return None if is_open or entry.kind == "template" else 131047

    @staticmethod
    def _address(number: BusinessNumber, outbound: Outbound, user: User | None) -> str:
        if user is not None:
            return user.phone or user.business_scoped_id(number.portfolio_id)
        return "".join(c for c in outbound.to or "" if c.isdigit()) or outbound.recipient or ""

    @staticmethod
    def _contact(number: BusinessNumber, outbound: Outbound, user: User | None) -> Json:
        """`wa_id` only where a phone was given, `user_id` only where a business-scoped id was."""
        if outbound.to is not None:
            return {"input": outbound.to, "wa_id": Exchange._address(number, outbound, user)}
        return {"input": outbound.recipient, "user_id": outbound.recipient}

    @staticmethod
    def _recipient_ids(number: BusinessNumber, outbound: Outbound, user: User | None) -> Json:
        if outbound.to is not None:
            return {"recipient_id": Exchange._address(number, outbound, user)}
        return {"recipient_user_id": outbound.recipient}

    # -- files -----------------------------------------------------------------------------------------------------

    def _spawn_fetch(self, entry: LedgerEntry) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver_media(entry))
        self._fetches.add(task)
        task.add_done_callback(self._fetches.discard)

    async def _deliver_media(self, entry: LedgerEntry) -> None:
        """Fetch a link where there is one, check the kind, then go the common way."""
        file = await self._file_of(entry)
        if file is None or not fits_kind(entry.kind, file, voice=bool(entry.content.get("voice"))):
            self._fail(entry, 131053, {})
            return
        entry.content = {**entry.content, "id": file.id, "mime_type": file.mime_type}
        self._report(entry, "sent")
        await asyncio.sleep(max(0.0, self.options.delivered_after_s - self.options.sent_after_s))
        self._deliver(entry)

    async def _file_of(self, entry: LedgerEntry) -> MediaFile | None:
        if "id" in entry.content:
            return self.shelf.find(entry.content["id"], self.now())
        fetched = await fetch_link(entry.content["link"], self._fetch_slots)
        if fetched is None:
            return None
        content, mime_type = fetched
        return self.shelf.add(content, mime_type, entry.content.get("filename"), expires_at=self.now() + UPLOAD_LIFE_S)
