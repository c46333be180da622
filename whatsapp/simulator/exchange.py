"""The exchange between users and businesses: a message of one side is kept, shown and told to the other.

The Graph API, the control API and the page all act through this one class.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from whatsapp.simulator.batching import Note
from whatsapp.simulator.clock import Clock
from whatsapp.simulator.events import EventHub
from whatsapp.simulator.fate import Chance
from whatsapp.simulator.graph_errors import bad_parameter, bad_value, later_error, window_closed
from whatsapp.simulator.journal import Journal
from whatsapp.simulator.knobs import Faults, Limits
from whatsapp.simulator.ledger import LADDER, Ledger, LedgerEntry
from whatsapp.simulator.limits import LimitKeeper
from whatsapp.simulator.media import UPLOAD_LIFE_S, MediaFile, MediaShelf, fits_kind
from whatsapp.simulator.media_fetch import fetch_link
from whatsapp.simulator.oddities import ODDITIES, odd_body
from whatsapp.simulator.options import ReadReceipts, SimulatorOptions
from whatsapp.simulator.outbound_rules import MEDIA_KINDS, Outbound
from whatsapp.simulator.postman import Postman
from whatsapp.simulator.recipients import address, contact, find_recipient, recipient_ids
from whatsapp.simulator.roster import BusinessNumber, Roster, User
from whatsapp.simulator.views import entry_view, readable_text
from whatsapp.simulator.wamid import make_wamid
from whatsapp.simulator.webhook_bodies import message_body, status_body

Json = dict[str, Any]

WINDOW_S = 24 * 3600.0  # Meta: free-form messages only this long after the user's last message
TYPING_S = 25.0  # Meta, "Typing indicators": gone on reply or after 25 seconds
_EARLY_STATUS_S = 2.0  # the longest that an answer is held back for its own status


class Exchange:
    """Everything the simulator knows, and the moves that change it; all moves run on one event loop."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.roster = Roster(numbers=options.numbers, users=options.users)
        self.ledger = Ledger(conversation_messages=options.conversation_messages, total_messages=options.total_messages)
        self.shelf = MediaShelf(capacity_bytes=options.media_bytes)
        self.events = EventHub()
        self.clock = Clock(options.clock)
        self.chance = Chance()
        self.chance.set_faults(options.faults, self.now())
        self.limits = options.limits
        self._keeper = LimitKeeper(options.limits)
        self.journal = Journal(capacity=options.journal_messages)
        self.postman = Postman(options, self.chance, self.now)
        self._fetch_slots = asyncio.Semaphore(8)
        self._fetches: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._at_close: list[Callable[[], Awaitable[None]]] = []

    def at_close(self, work: Callable[[], Awaitable[None]]) -> None:
        """Stop something more when this closes."""
        self._at_close.append(work)

    async def start(self) -> None:
        """Open the outgoing connections."""
        await self.postman.start()

    async def close(self) -> None:
        """Stop all that is under way; safe twice."""
        self._is_closed = True
        self.events.close()
        for work in self._at_close:
            await work()
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
        return self.clock.now()

    def set_limits(self, limits: Limits) -> None:
        """Enforce these from now on, with full buckets."""
        self.limits = limits
        self._keeper.set_limits(limits)

    def set_faults(self, faults: Faults) -> None:
        """Misbehave like this from now on, from the seed's beginning."""
        self.chance.set_faults(faults, self.now())

    def progress(self) -> Json:
        """Counts that cost next to nothing to ask for."""
        refused = {str(code): count for code, count in self._keeper.refused.items()}
        webhooks = self.postman.counts
        return {**self.journal.progress(), "refused": refused, "faults": self.chance.counts(), "webhooks": webhooks}

    # -- what users do ---------------------------------------------------------------------------------------------

    def say(self, user: User, number: BusinessNumber, kind: str, content: Json, reply_to: str | None) -> LedgerEntry:
        """A user does something in a chat: keep it, show it, send the webhook."""
        now = self.now()
        entry = LedgerEntry(
            wamid=make_wamid(user.phone or user.business_scoped_id(number.portfolio_id), by_user=True),
            user_id=user.id,
            phone_number_id=number.phone_number_id,
            by="user",
            kind=kind,
            content=content,
            reply_to=reply_to,
            times={"accepted": now, "sent": now},
        )
        self.ledger.record(entry)
        self.ledger.conversation(user.id, number.phone_number_id).last_user_at = now
        self.journal.write(entry.wamid, (user.id, number.phone_number_id), kind, readable_text(entry), now)
        self._keeper.receive(number.phone_number_id, now)
        self._show(entry)
        self.postman.post(
            number.phone_number_id,
            user.id,
            message_body(number, user, entry),
            lambda: self._taken(entry),
            on_posted=lambda: self.journal.post(entry.wamid, self.now()),
        )
        if self.chance.happens("unknown", self.chance.faults.webhook.unknown_share):
            odd = odd_body(self.chance.index("unknown kind", ODDITIES), number, user, now)
            self.postman.post(number.phone_number_id, user.id, odd)
        return entry

    def _taken(self, entry: LedgerEntry) -> None:
        self.journal.accept(entry.wamid, self.now())
        self._climb(entry, "delivered")

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
        now = self.now()
        user = find_recipient(self.roster, number, outbound)
        self._check_media(number, outbound)
        reached = address(number, outbound, user)
        entry = LedgerEntry(
            wamid=make_wamid(reached, by_user=False),
            user_id=user.id if user else "",
            phone_number_id=number.phone_number_id,
            by="business",
            kind=outbound.kind,
            content=outbound.content,
            reply_to=outbound.reply_to,
            callback_data=outbound.callback_data,
            times={"accepted": now},
        )
        failure = self._failure(entry, user)
        if failure == 131047 and self.limits.window_error == "answer":
            raise window_closed()
        self._keeper.admit(number.phone_number_id, entry.user_id or reached, now)
        self.ledger.record(entry)
        self.journal.tell(
            entry.wamid,
            (entry.user_id, number.phone_number_id),
            entry.kind,
            entry.content,
            attempt=entry.callback_data,
            quoted=entry.reply_to,
            now=now,
        )
        self._send_on(entry, failure, recipient_ids(number, outbound, user))
        return entry, contact(number, outbound, user)

    def _send_on(self, entry: LedgerEntry, failure: int | None, recipient: Json) -> None:
        """Let time pass until it is sent and delivered, or fails."""
        loop = asyncio.get_running_loop()
        later_s = self.chance.within("sent jitter", self.chance.faults.graph.sent_jitter_s)
        if failure is not None:
            loop.call_later(later_s + self.options.sent_after_s, self._fail, entry, failure, recipient)
        elif entry.kind in MEDIA_KINDS:
            self._spawn_fetch(entry)
        else:
            loop.call_later(later_s + self.options.sent_after_s, self._report, entry, "sent")
            loop.call_later(later_s + self.options.delivered_after_s, self._deliver, entry)

    async def report_early(self, entry: LedgerEntry) -> None:
        """Report `sent`, and return once the callback has acknowledged it; where it does not, after two seconds."""
        taken = asyncio.Event()
        entry.times["sent"] = self.now()
        self._post_status(entry, "sent", None, taken.set)
        with suppress(TimeoutError):
            await asyncio.wait_for(taken.wait(), _EARLY_STATUS_S)

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
        self.journal.deliver(entry.wamid, self.now())
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
        faults = self.chance.faults.webhook
        if self.chance.happens("status missing", faults.status_missing_share):
            return
        if self.chance.happens("status late", faults.status_late_share):
            asyncio.get_running_loop().call_later(
                faults.status_late_s, self._post_status, entry, state, recipient, None
            )
            return
        self._post_status(entry, state, recipient, None)

    def _post_status(self, entry: LedgerEntry, state: str, recipient: Json | None, on_taken: Note | None) -> None:
        number, user = self.roster.number(entry.phone_number_id), self.roster.user(entry.user_id)
        if number is None or self._is_closed:
            return
        if recipient is None and user is not None:
            recipient = {"recipient_user_id": user.business_scoped_id(number.portfolio_id)}
            recipient |= {"recipient_id": user.phone} if user.phone else {}
        body = status_body(number, user, entry, state, recipient or {})

        def taken() -> None:
            self.journal.take_status(entry.wamid, self.now())
            if on_taken is not None:
                on_taken()

        self.postman.post(number.phone_number_id, entry.user_id or entry.wamid, body, taken)

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

    # -- whether it can be had ----------------------------------------------------------------------------------------

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
        if user is None or user.is_blocking:
            return 131026
        if user.is_opted_out and entry.kind == "template":
            return 131050
        if entry.kind == "reaction" and self.ledger.find(entry.content["message_id"]) is None:
            return 131009
        last_user_at = self.ledger.conversation(user.id, entry.phone_number_id).last_user_at
        is_open = last_user_at is not None and self.now() - last_user_at < WINDOW_S
        return None if is_open or entry.kind == "template" else 131047

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
