"""The embedder and the index in this process, for commands that ask without WhatsApp."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deployments.connections import passages_index
from deployments.embedding.artifact import ready_model
from deployments.embedding.runner import EmbeddingModel
from deployments.running import state_of
from deployments.settings import PREFIX, Settings
from models.passage import Vector
from store.passages import MilvusPassages


class LocalEmbedder:
    """`actors.ports.Embedder`, without Ray."""

    def __init__(self, home: Path) -> None:
        """Load the model from the home."""
        self._model = EmbeddingModel(ready_model(home), threads=1)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give one vector a text, in order."""
        return [np.asarray(row).tolist() for row in self._model.embed(texts)]


async def offline_ports(settings: Settings) -> tuple[LocalEmbedder, MilvusPassages]:
    """Give an embedder of our own and a connection to the installation's index."""
    state = state_of(settings.root) or {"environment": {}}
    uri = settings.milvus_uri or state["environment"].get(f"{PREFIX}MILVUS_URI", "")
    return LocalEmbedder(settings.root), passages_index(settings, uri)
