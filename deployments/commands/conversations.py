"""`conversations`: who waits for a person, and answering instead of the bot; by `store.handoff`, as the console."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import orjson
import typer
from rich.table import Table

from deployments.commands.common import err, fail, installation, out, run
from deployments.operator.told import told_page, told_thread, told_why
from models.errors import StoreUnavailable, WrongSetting
from models.handoff import TEXT_LENGTH, ConversationSummary, Thread, ThreadLine, Which, Why
from store.handoff import Handoff

conversations = typer.Typer(
    no_args_is_help=True,
    help="Who waits for a person, and answering instead of the bot. The bot answers until somebody takes a "
    "conversation, and again once it is handed back.",
)

TRIES = 3  # of a reply while PostgreSQL restarts; the same request, so it is queued once
TRY_AGAIN_S = 2.0
MOST_READ = 64 * 1024  # characters; blanks around the text do not count
SHORT_ID = 8  # digits; enough to tell thousands apart

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the conversation, or its beginning, as `list` shows it.")
]
AsOption = Annotated[
    str | None, typer.Option("--as", help="Name that colleagues see; your user name on this machine if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


@conversations.command("list")
def list_conversations(
    recent: Annotated[bool, typer.Option("--recent", help="Also those who wrote lately, with nobody wanted.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Short name of the only business wanted.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many of each kind.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show who waits for a person, the longest waiting first, and who is with one."""

    async def work() -> None:
        wanted = list(Which) if recent else [Which.WAITING, Which.TAKEN]
        async with installation() as opened:
            desk = Handoff(opened.database, opened.keyring)
            pages = {which: await desk.conversations(which, tenant=tenant, limit=limit) for which in wanted}
        if as_json:
            _print_json({which.value: told_page(page) for which, page in pages.items()})
            return
        _show_list({one.id: one for page in pages.values() for one in page.conversations})
        if any(page.next for page in pages.values()):
            err.print(f"There are more than {limit}; --limit shows up to 200 of each.")

    run(work())


@conversations.command("show")
def show(
    key: IdArgument,
    why: Annotated[bool, typer.Option("--why", help="Also why the bot gave its last answer.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many turns and messages, the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Read a conversation: both sides, who took it, and with --why where the last answer comes from."""

    async def work() -> None:
        async with installation() as opened:
            desk = Handoff(opened.database, opened.keyring)
            thread = await desk.show(await desk.find(key), limit=limit)
            reason = await _why_last(desk, thread) if why else None
        if as_json:
            _print_json(told_thread(thread) | ({"why": told_why(reason)} if reason else {}))
            return
        _show_thread(thread)
        if reason:
            _show_why(reason)

    run(work())


@conversations.command("take")
def take(
    key: IdArgument,
    person: AsOption = None,
    instead_of: Annotated[str | None, typer.Option(help="The colleague who has it now.")] = None,
) -> None:
    """Answer instead of the bot, which is silent from now on."""

    async def work(desk: Handoff, found: UUID) -> None:
        await desk.take(found, _person(person), instead_of=instead_of)
        out.print(f"{_person(person)} has it now; the bot is silent until: ./parley conversations hand-back {key}")

    _with_desk(key, work)


@conversations.command("reply")
def reply(
    key: IdArgument,
    person: AsOption = None,
    text_file: Annotated[
        Path | None, typer.Option("--text-file", help="File with the text; standard input if not given.")
    ] = None,
) -> None:
    """Write to the user. The text comes from standard input or a file, never from the command line's arguments."""
    text = _text(text_file)

    async def work(desk: Handoff, found: UUID) -> None:
        await _reply(desk, found, _person(person), text)
        out.print("queued, behind what is already on its way")

    _with_desk(key, work)


@conversations.command("hand-back")
def hand_back(key: IdArgument, person: AsOption = None) -> None:
    """Let the bot answer what comes from now on."""

    async def work(desk: Handoff, found: UUID) -> None:
        await desk.hand_back(found, _person(person))
        out.print("the bot answers again")

    _with_desk(key, work)


def _with_desk(key: str, work: Callable[[Handoff, UUID], Awaitable[None]]) -> None:
    async def opened_work() -> None:
        async with installation() as opened:
            desk = Handoff(opened.database, opened.keyring)
            await work(desk, await desk.find(key))

    run(opened_work())


async def _reply(desk: Handoff, key: UUID, person: str, text: str) -> None:
    request_id = uuid4()
    for left in reversed(range(TRIES)):
        try:
            await desk.reply(key, person, text, request_id=request_id)
            return
        except StoreUnavailable:
            if not left:
                raise
            await asyncio.sleep(TRY_AGAIN_S)


async def _why_last(desk: Handoff, thread: Thread) -> Why | None:
    answered = [line.turn_id for line in thread.lines if line.turn_id is not None]
    return await desk.why(thread.conversation.id, answered[-1]) if answered else None


def _person(name: str | None) -> str:
    return (name or getpass.getuser()).strip()


def _text(file: Path | None) -> str:
    """Read a text of bounded length; one that is longer is refused, not cut."""
    try:
        text = _read(file)
    except OSError as error:
        fail(WrongSetting(f"the file with the text cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        fail(WrongSetting("the text is not UTF-8"))
    if len(text) == MOST_READ:
        fail(f"The reply has more than the {TEXT_LENGTH} characters that WhatsApp takes.")
    return text


def _read(file: Path | None) -> str:
    if file is not None:
        with file.open() as opened:
            return opened.read(MOST_READ)
    if sys.stdin.isatty():
        err.print("Write the reply; Ctrl-D on a line of its own sends it, Ctrl-C drops it.")
    return sys.stdin.read(MOST_READ)


# -- shown -----------------------------------------------------------------------------------------------------------


def _print_json(value: object) -> None:
    out.print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _show_list(found: dict[UUID, ConversationSummary]) -> None:
    if not found:
        out.print("nobody waits for a person, and nobody is with one")
        return
    table = Table("id", "state", "since", "who", "business", "last wrote", box=None, padding=(0, 2))
    for one in found.values():
        state = f"with {one.taken_by}" if one.taken_by else str(one.which)
        table.add_row(one.id.hex[:SHORT_ID], state, _ago(one.since), one.contact, one.tenant, _ago(one.last_inbound_at))
    out.print(table)


def _show_thread(thread: Thread) -> None:
    about = thread.conversation
    state = f"with {about.taken_by}, the bot is silent" if about.taken_by else "the bot answers"
    wanted = f"; a person was asked for {_ago(about.since)} ago" if about.since and not about.taken_by else ""
    out.print(f"{about.contact} at {about.tenant}: {state}{wanted}")
    table = Table("when", "who", "text", "state", box=None, padding=(0, 2))
    for line in thread.lines:
        table.add_row(f"{line.at:%m-%d %H:%M:%S}Z", line.by, _said(line), _state(line))
    out.print(table)
    for deed in thread.deeds:
        out.print(f"{deed.at:%m-%d %H:%M:%S}Z  {deed.person} {deed.act}")
    if thread.before:
        err.print("There are earlier messages; --limit shows more.")


def _said(line: ThreadLine) -> str:
    return line.text if line.kind == "text" else f"[{line.kind}] {line.text}".strip()


def _state(line: ThreadLine) -> str:
    return f"{line.state}: {line.reason}" if line.reason else line.state


def _show_why(why: Why) -> None:
    out.print()
    out.print(f"Why: asked as “{why.question}”")
    confidence = "" if why.confidence is None else f", confidence {why.confidence:.2f}"
    out.print(f"answered by {why.model or 'nobody'} ({why.rung or 'silent'}{confidence})")
    for passage in why.passages:
        out.print(f"from {passage.title}{f', page {passage.page}' if passage.page else ''}:")
        out.print(f"    {passage.text or 'this document has been replaced or removed since'}")
    table = Table("step", "ms", box=None, padding=(0, 2))
    for step, value in why.step_ms.items():
        table.add_row(step, f"{value:.1f}")
    out.print(table)


def _ago(instant: datetime | None) -> str:
    if instant is None:
        return "-"
    minutes = max(int((datetime.now(UTC) - instant).total_seconds()) // 60, 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
