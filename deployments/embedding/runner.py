"""Runs the exported model: texts in, unit vectors out. Blocking, so callers on an event loop use a thread."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding

from deployments.embedding.artifact import DIMENSION, MODEL_FILE, TOKENIZER_FILE
from deployments.embedding.tokens import encode, load_tokenizer

RUN_TOKENS = 384  # about 60 ms on one core: the longest that a query waits for a run it cannot join

Ids = npt.NDArray[np.int64]


class EmbeddingModel:
    """One onnxruntime session and its tokenizer; safe to call from several threads."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
        self._session = onnxruntime.InferenceSession(
            folder / MODEL_FILE, _session_options(threads), providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenize; about 0.05 ms a short text, 0.3 ms a long one."""
        return encode(self._tokenizer, texts)

    def run(self, encodings: Sequence[Encoding]) -> npt.NDArray[np.float32]:
        """Give float32 vectors of shape (texts, 384) and length 1, in order, by one pass through the network."""
        ids, mask = pad(encodings)
        vectors: npt.NDArray[np.float32] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Give one vector a text, in order; at least one text."""
        encodings = self.encode(texts)
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for places in plan_runs([len(encoding) for encoding in encodings]):
            vectors[places] = self.run([encodings[place] for place in places])
        return vectors


def plan_runs(lengths: Sequence[int], budget_tokens: int = RUN_TOKENS) -> list[list[int]]:
    """Cut texts into runs of similar length, shortest first, each within a budget of tokens, padding counted.

    A text longer than the budget makes a run alone. Gives places in `lengths`.
    """
    runs: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not runs or (len(runs[-1]) + 1) * lengths[place] > budget_tokens:
            runs.append([])
        runs[-1].append(place)
    return runs


def pad(encodings: Sequence[Encoding]) -> tuple[Ids, Ids]:
    """Give ids and mask of shape (texts, longest); both int64."""
    width = max(len(encoding) for encoding in encodings)
    ids = np.zeros((len(encodings), width), dtype=np.int64)  # 0 is [PAD]
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding)] = encoding.ids
        mask[row, : len(encoding)] = 1
    return ids, mask


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # cores are shared with everything else
    options.enable_cpu_mem_arena = False  # shapes vary: an arena would keep the largest of them for ever
    return options
