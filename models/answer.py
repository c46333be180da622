"""What is asked of an answerer, and what it answers: one contract for every model, rung and test double."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models.passage import FoundPassage


class Rung(StrEnum):
    """The ladder under every turn, best first."""

    MODEL = "model"  # the tenant's generative model
    EXTRACT = "extract"  # sentences of the best passages, word for word
    PHRASE = "phrase"  # words of our own that need no knowledge: a greeting, "I can't listen to voice messages yet"
    HOLDING = "holding"  # "a person will come back to you", with a request for one


class Speaker(StrEnum):
    """Who said a line of the history."""

    USER = "user"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a conversation, as a person would read it."""

    speaker: Speaker
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an answer was found, as it may be cited to the user."""

    passage_id: str
    title: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that an answerer needs for one reply."""

    business: str  # the tenant's name, as users know it
    language: str  # ISO 639-1 of the reply, such as "en"
    text: str  # what the user wrote since the last answer, lines joined by newlines
    standalone: str  # the same, readable without the history
    history: tuple[Line, ...] = ()  # oldest first, without `text`
    passages: tuple[FoundPassage, ...] = ()  # best first
    deadline: datetime  # aware UTC; an answer later than this is not wanted
    conversation_id: UUID | None = None  # for affinity with a warm prefix cache, nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One reply, ready to be sent, and why it says what it says."""

    text: str  # in the user's language, at most 4,096 characters
    rung: Rung
    model: str  # name of the model, or of the rung where no model spoke
    sources: tuple[Source, ...] = ()
    abstained: bool = False  # the business's knowledge holds no answer, and the text says so
    confidence: float | None = None  # 0 to 1, where the answerer knows
    prompt_version: str | None = None  # `models.prompt.PROMPT_VERSION`, where a generative model spoke
