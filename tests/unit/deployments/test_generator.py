"""The door to a model: what it sends, what it makes of the reply, and how it fails."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

with warnings.catch_warnings():  # Ray's own modules are deprecated in their use of pydantic
    warnings.simplefilter("ignore")
    from deployments.generation.options import inspect_model
    from deployments.generation.reply import clean, is_repeating
    from deployments.generation.wire import EngineReply, TooLong
    from deployments.generator import Generator

from models.answer import Question, Rung
from models.errors import ModelUnavailable, WrongSetting
from models.passage import FoundPassage, Passage
from models.prompt import PROMPT_VERSION

Reply = Callable[[list[dict[str, str]], int], Awaitable[EngineReply | TooLong]]


class _Response:
    """What a Serve handle gives: awaitable, and cancelled by hand."""

    def __init__(self, work: Awaitable[EngineReply | TooLong]) -> None:
        self._work = work
        self.is_cancelled = False

    def __await__(self) -> Any:
        return self._work.__await__()

    def cancel(self) -> None:
        self.is_cancelled = True


class ScriptedEngine:
    """Stands where the engine's handle stands."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.responses: list[_Response] = []
        self.sessions: list[str] = []

    @property
    def reply(self) -> "ScriptedEngine":
        return self

    def options(self, *, session_id: str) -> "ScriptedEngine":
        self.sessions.append(session_id)
        return self

    def remote(self, messages: list[dict[str, str]], max_tokens: int, _temperature: float) -> _Response:
        self.responses.append(_Response(self._reply(messages, max_tokens)))
        return self.responses[-1]


def says(text: str, *, was_cut: bool = False) -> ScriptedEngine:
    async def reply(_messages: list[dict[str, str]], _max_tokens: int) -> EngineReply:
        return EngineReply(text=text, was_cut=was_cut, prompt_tokens=300, reply_tokens=20)

    return ScriptedEngine(reply)


def generator(engine: ScriptedEngine) -> Generator:
    return Generator(engine, model="tiny", max_tokens=1024)


def question(**changes: Any) -> Question:
    one = Passage(id="p1", document_id=UUID(int=1), title="Opening hours", ordinal=0, text="Open at nine.", page=2)
    fields: dict[str, Any] = {
        "business": "Casa Lumbre",
        "language": "es",
        "text": "When?",
        "standalone": "When?",
        "passages": (FoundPassage(passage=one, score=1.0), FoundPassage(passage=one, score=0.5)),
        "deadline": datetime.now(UTC) + timedelta(seconds=20),
        "conversation_id": UUID(int=7),
    }
    return Question(**(fields | changes))


async def test_an_answer_carries_the_models_name_and_each_source_once() -> None:
    answer = await generator(says("We open at nine.")).answer(question())
    assert (answer.text, answer.rung, answer.model) == ("We open at nine.", Rung.MODEL, "tiny")
    assert [(source.title, source.page) for source in answer.sources] == [("Opening hours", 2)]
    assert not answer.abstained
    assert answer.prompt_version == PROMPT_VERSION


async def test_the_marker_becomes_an_honest_phrase_in_the_users_language() -> None:
    answer = await generator(says("NO_ANSWER")).answer(question())
    assert answer.abstained
    assert "Eso no lo sé" in answer.text
    assert not answer.sources


async def test_a_conversation_keeps_to_one_engine() -> None:
    engine = says("Yes.")
    await generator(engine).answer(question())
    assert engine.sessions == [str(UUID(int=7))]


@pytest.mark.parametrize("text", ["", "  \n", "<think>hmm", "nine nine " * 30])
async def test_nothing_that_could_be_sent_is_the_models_failure(text: str) -> None:
    with pytest.raises(ModelUnavailable):
        await generator(says(text)).answer(question())


async def test_a_late_model_is_cancelled_at_the_deadline() -> None:
    async def never(_messages: list[dict[str, str]], _max_tokens: int) -> EngineReply:
        await asyncio.Event().wait()
        raise AssertionError

    engine = ScriptedEngine(never)
    with pytest.raises(ModelUnavailable):
        await generator(engine).answer(question(deadline=datetime.now(UTC) + timedelta(milliseconds=50)))
    assert engine.responses[0].is_cancelled


async def test_a_prompt_too_long_for_the_model_is_asked_again_shorter() -> None:
    sizes: list[int] = []

    async def small_context(messages: list[dict[str, str]], _max_tokens: int) -> EngineReply | TooLong:
        sizes.append(sum(len(message["content"]) for message in messages))
        if len(sizes) == 1:
            return TooLong()
        return EngineReply(text="Yes.", was_cut=False, prompt_tokens=300, reply_tokens=2)

    one = Passage(id="p", document_id=UUID(int=1), title="T", ordinal=0, text="fact " * 60)
    answer = await generator(ScriptedEngine(small_context)).answer(
        question(passages=(FoundPassage(passage=one, score=1.0),) * 20)
    )
    assert answer.text == "Yes."
    assert sizes[1] < sizes[0]


async def test_an_engine_that_fails_is_told_in_our_words() -> None:
    async def broken(_messages: list[dict[str, str]], _max_tokens: int) -> EngineReply:
        raise RuntimeError("CUDA error")

    with pytest.raises(ModelUnavailable, match="no replica"):
        await generator(ScriptedEngine(broken)).answer(question())


async def test_the_door_is_healthy_after_a_first_token_and_asks_for_one_only() -> None:
    engine = says("x")
    door = generator(engine)
    await door.check_health()
    await door.check_health()
    assert len(engine.responses) == 1
    assert door.status()["is_warm"]


@pytest.mark.parametrize(
    ("text", "was_cut", "sent"),
    [
        ("Open at nine.", False, "Open at nine."),
        ("<think>It is\nnine?</think>\nOpen at nine.", False, "Open at nine."),
        ("still thinking</think>Open at nine.", False, "Open at nine."),
        ("<think>never ends", True, ""),
        ("Open at nine. And on Sun", True, "Open at nine."),
        ("Costs 3.50 euros and", True, "Costs 3.50 euros…"),
        ("Open<|end|> at nine [1].", False, "Open at nine ."),
        ("a\x00b\nc", False, "ab c"),
    ],
)
def test_a_reply_is_cleaned(text: str, was_cut: bool, sent: str) -> None:
    assert clean(text, was_cut=was_cut) == sent


def test_a_long_reply_ends_at_a_sentence() -> None:
    sent = clean("One two three, number {}. ".format("x") * 3 + "and so on with ever other words " * 30, was_cut=False)
    assert sent.endswith("number x.")
    assert len(sent) <= 400


def test_repetition_is_seen_and_a_normal_sentence_is_not() -> None:
    assert is_repeating("the shop " * 10)
    assert not is_repeating("We open at nine and close at seven, on Sundays we are closed all day long.")


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c"])
def test_a_model_folder_that_is_missing_is_a_wrong_setting(model: str) -> None:
    with pytest.raises(WrongSetting, match="PARLEY_MODEL"):
        inspect_model(model)


def test_a_folder_without_an_architecture_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"config\.json"):
        inspect_model(str(tmp_path))


def test_a_models_own_context_bounds_ours(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["L"], "max_position_embeddings": 512}')
    facts = inspect_model(str(tmp_path))
    assert (facts.max_tokens, facts.has_chat_template, facts.model_id) == (512, False, tmp_path.name)
