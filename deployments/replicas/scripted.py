"""The replica that says the same to everybody at once: what is measured then is the road, not a model."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.answer import Answer, Question

_REPLY = "Thank you for asking. Here is what our handbook says: {}"
_TOKEN = re.compile(r"#\d+")  # numbers by which a benchmark knows its messages; the reply repeats those it answers
_QUOTED = 300  # characters of the best passage, so that replies are as long as real ones


class ScriptedReplica:
    """The door of the application `llm` where PARLEY_MODEL is "scripted"."""

    async def answer(self, question: "Question") -> "Answer":
        """Quote the beginning of the best passage, and the numbers (#17) of the messages that are answered."""
        from models.answer import Answer, Rung, Source

        best = question.passages[0].passage if question.passages else None
        sources = (Source(passage_id=best.id, title=best.title),) if best else ()
        said = _REPLY.format(best.text[:_QUOTED] if best else "nothing.")
        text = " ".join((said, *_TOKEN.findall(question.text)))
        return Answer(text=text, rung=Rung.MODEL, model="scripted", sources=sources)

    def status(self) -> dict[str, Any]:
        """Name the engine."""
        return {"engine": "scripted", "model": "scripted", "is_warm": True}
