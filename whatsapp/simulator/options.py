"""How one simulator behaves: limits of memory, delays, receipts, doors."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from whatsapp.simulator.knobs import Faults, Limits


class ReadReceipts(StrEnum):
    """When the business learns that its message was read."""

    PAGE = "page"  # when the chat is open on the chat page, or a program says so
    ALWAYS = "always"  # as soon as the message is delivered
    NEVER = "never"  # the user has switched receipts off


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """All knobs; the defaults are those of `python -m whatsapp.simulator`."""

    control_token: str | None = field(default=None, repr=False)  # None: whoever reaches the port may control
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")  # guards against DNS rebinding
    public_url: str | None = None  # own address, told in media webhooks; None leaves `url` out of them
    read_receipts: ReadReceipts = ReadReceipts.PAGE
    clock: Callable[[], float] = time.time  # unix seconds
    limits: Limits = field(default_factory=Limits)  # at the start; the control API changes them
    faults: Faults = field(default_factory=Faults)

    sent_after_s: float = 0.02  # from the Graph call to the status `sent`
    delivered_after_s: float = 0.08  # from the Graph call to the status `delivered` and the bubble on the page
    webhook_timeout_s: float = 10.0
    webhook_concurrency: int = 64
    webhook_pending: int = 200_000  # webhooks waiting for a 200; what exceeds it is dropped and counted
    first_retry_s: float = 1.0  # doubles with every failure
    longest_retry_s: float = 30.0  # Meta waits for hours; a person at the page does not
    give_up_after_s: float = 7 * 24 * 3600.0  # Meta: webhooks overview, "up to 7 days"

    conversation_messages: int = 500
    total_messages: int = 50_000
    journal_messages: int = 250_000  # of each side; what exceeds it is counted, and the verdict is not whole
    users: int = 50_000
    numbers: int = 1_000
    media_bytes: int = 256 * 1024 * 1024  # all files together, oldest dropped
    body_bytes: int = 101 * 1024 * 1024  # one request; Meta's largest file has 100 MB
