"""`./parley conversations` on a real PostgreSQL: what it shows, what it takes, and how it says no."""

import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from typer.testing import CliRunner

from deployments.__main__ import cli
from deployments.commands import conversations
from models.answer import Answer, Rung, Source
from models.errors import StoreUnavailable
from models.message import Sender
from store.database import Database
from store.handoff import Handoff
from tests.desk import keep_passage, talk
from tests.factories import Business, phone

pytestmark = pytest.mark.postgres

HOSTILE = "\x1b]0;owned\x07[b]Zoë[/b]"
Run = Callable[..., Result]


@pytest.fixture
async def key(business: Business) -> UUID:
    """A conversation whose bot has quoted a document, and whose user then asked for a person."""
    sender = Sender(phone=phone(), name=HOSTILE)
    kept = await keep_passage(business, "We open at nine.")
    sources = (Source(passage_id=kept, title="Hours", page=2),)
    answer = Answer(text="At nine.", rung=Rung.EXTRACT, model="extractive", sources=sources, confidence=0.8)
    await talk(business, "A person, please", "One moment.", sender=sender, wants_person=True)
    return await talk(business, "When?", "At nine.", sender=sender, answer=answer, step_ms={"search": 12.5})


@pytest.fixture
def parley(monkeypatch: pytest.MonkeyPatch, business: Business, database_url: str) -> Run:
    """Runs `./parley conversations …` against this database; each command in a loop of its own, as in a terminal."""

    @asynccontextmanager
    async def installation() -> AsyncIterator[Any]:
        database = Database(database_url, name="command", pool_size=1)
        try:
            yield SimpleNamespace(database=database, keyring=business.keyring)
        finally:
            await database.close()

    monkeypatch.setattr(conversations, "installation", installation)
    monkeypatch.setattr(conversations, "TRY_AGAIN_S", 0)

    def run(*words: str, stdin: str | bytes = "") -> Result:
        # A thread of its own: `asyncio.run` would end the loop of the tests.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(CliRunner().invoke, cli, ["conversations", *words], input=stdin).result(60)

    return run


def read(parley: Run, key: UUID) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(parley("show", str(key), "--json").stdout)
    return told


def said(parley: Run, key: UUID) -> list[str]:
    return [line["text"] for line in read(parley, key)["lines"] if line["is_person"]]


def test_who_waits_is_listed_without_what_a_terminal_would_obey(parley: Run, key: UUID, business: Business) -> None:
    shown = parley("list", "--tenant", business.tenant.slug).stdout
    assert key.hex[:8] in shown
    assert "waiting" in shown
    assert "]0;owned[b]Zoë[/b] (…" in shown
    assert "\x1b" not in shown
    listed = json.loads(parley("list", "--tenant", business.tenant.slug, "--json").stdout)
    assert [one["id"] for one in listed["waiting"]["conversations"]] == [str(key)]
    assert listed["taken"]["conversations"] == []


def test_nobody_waiting_is_said(parley: Run) -> None:
    assert parley("list", "--tenant", "nobody").stdout.strip() == "nobody waits for a person, and nobody is with one"


def test_a_conversation_is_read_with_the_reason_of_the_last_answer(parley: Run, key: UUID) -> None:
    shown = parley("show", key.hex[:12], "--why").stdout
    for text in ("the bot answers; a person was asked for", "One moment.", "answered by extractive (extract", "0.80",
                 "from Hours, page 2:", "We open at nine.", "12.5"):  # fmt: skip
        assert text in shown


def test_a_person_takes_replies_and_hands_back(parley: Run, key: UUID, tmp_path: Path) -> None:
    file = tmp_path / "reply.txt"
    file.write_text("From a file.\n")
    beginning = key.hex[:12]
    assert parley("take", beginning, "--as", "Ana").exit_code == 0
    assert parley("reply", beginning, "--as", "Ana", stdin="Here I am,\nin two lines.\n").exit_code == 0
    assert parley("reply", beginning, "--as", "Ana", "--text-file", str(file)).exit_code == 0
    assert said(parley, key) == ["Here I am,\nin two lines.", "From a file."]
    assert parley("hand-back", beginning, "--as", "Ana").exit_code == 0
    assert [deed["act"] for deed in read(parley, key)["deeds"]] == ["took", "replied", "replied", "handed back"]


def test_who_comes_too_late_is_told_who_has_it(parley: Run, key: UUID) -> None:
    parley("take", str(key), "--as", "Ana")
    late = parley("take", str(key), "--as", "Ben")
    assert (late.exit_code, late.stderr.strip()) == (1, "Ana has this conversation.")
    assert parley("take", str(key), "--as", "Ben", "--instead-of", "Ana").exit_code == 0
    assert read(parley, key)["conversation"]["taken_by"] == "Ben"


def test_a_text_is_never_an_argument(parley: Run, key: UUID) -> None:
    assert parley("reply", str(key), "Here I am.").exit_code == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "The reply is empty."),
        ("x" * 4097, "The reply has more than the 4096 characters that WhatsApp takes."),
        ("x" + " " * 10**6 + "x", "The reply has more than the 4096 characters that WhatsApp takes."),
        (b"\xff\xfe", "the text is not UTF-8"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused(parley: Run, key: UUID, text: str | bytes, complaint: str) -> None:
    parley("take", str(key), "--as", "Ana")
    refused = parley("reply", str(key), "--as", "Ana", stdin=text)
    assert refused.exit_code in (1, 2)
    assert refused.stderr.strip() == complaint
    assert said(parley, key) == []


@pytest.mark.parametrize("act", ["show", "take", "reply", "hand-back"])
def test_an_id_that_is_not_there_is_said_so(parley: Run, act: str) -> None:
    missing = parley(act, "f" * 32, stdin="Hello")
    assert (missing.exit_code, missing.stderr.strip()) == (1, "There is no conversation with this id.")


def test_a_reply_whose_commit_was_not_heard_of_is_sent_once(
    parley: Run, key: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    parley("take", str(key), "--as", "Ana")
    parley_heard = iter([False, True])

    class Deaf(Handoff):
        async def reply(self, *arguments: Any, **named: Any) -> int:
            queued = await super().reply(*arguments, **named)
            if not next(parley_heard):
                raise StoreUnavailable("the connection died at the commit")
            return queued

    monkeypatch.setattr(conversations, "Handoff", Deaf)
    assert parley("reply", str(key), "--as", "Ana", stdin="Here I am.").exit_code == 0
    assert said(parley, key) == ["Here I am."]
    assert next(parley_heard, None) is None
