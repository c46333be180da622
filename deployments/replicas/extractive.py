"""The replica that answers without a generative model."""

from typing import TYPE_CHECKING, Any

from deployments.replicas.roster import EMBEDDER

if TYPE_CHECKING:
    from models.answer import Answer, Question


class ExtractiveReplica:
    """The door of the application `llm` where no model is configured: sentences of the best passages."""

    def __init__(self) -> None:
        """Find the embedder."""
        from deployments.connections import Connections
        from deployments.handles import LazyHandle, ServeEmbedder
        from knowledge.extractive import ExtractiveAnswerer

        self._connections = Connections.open("extractive")
        self._answerer = ExtractiveAnswerer(ServeEmbedder(LazyHandle(*EMBEDDER)))

    async def answer(self, question: "Question") -> "Answer":
        """Give the best sentences, or say that the business's knowledge holds no answer."""
        return await self._answerer.answer(question)

    def status(self) -> dict[str, Any]:
        """Name the engine."""
        return {"engine": "extractive", "model": "extract", "is_warm": True}
