"""What travels between the door and the engine: plain values, so that the door needs none of the engine's imports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReply:
    """What the engine wrote, as it wrote it."""

    text: str
    was_cut: bool  # by the limit of tokens
    prompt_tokens: int
    reply_tokens: int


@dataclass(frozen=True, slots=True)
class TooLong:
    """Prompt and reply do not fit into the model's context: an expected refusal, so a value and not an error."""
