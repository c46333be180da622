"""Serve handles as the actors' ports: time limits, cancellation, and Ray's errors turned into ours."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException

from models.answer import Answer, Question
from models.errors import EmbedderUnavailable, MachineFailed, ModelUnavailable, ParleyError
from models.passage import Vector

EMBED_LIMIT_S = 10.0  # documents may wait behind documents; a question's turn has a limit of its own
STATUS_LIMIT_S = 5.0

Result = TypeVar("Result")


class LazyHandle:
    """A handle to a deployment of another application, looked up when it is first needed."""

    def __init__(self, deployment: str, application: str) -> None:
        """Name the deployment; it need not be there yet."""
        self._deployment = deployment
        self._application = application
        self._handle: Any = None

    async def get(self) -> Any:
        """Give the handle.

        Raises:
            RayServeException: no such deployment yet.
        """
        if self._handle is None:
            found = serve.get_deployment_handle(self._deployment, self._application)
            # gRPC between replicas instead of the object store: a third of the latency for small payloads.
            self._handle = found.options(_by_reference=False)
        return self._handle


class ServeEmbedder:
    """`actors.ports.Embedder` over Serve."""

    def __init__(self, handle: LazyHandle) -> None:
        """Take the handle of the embedder's deployment."""
        self._handle = handle

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give one vector a text, in order.

        Raises:
            EmbedderUnavailable: retryable.
        """
        vectors: list[Vector] = await _called(
            lambda handle: handle.embed.remote(list(texts)), self._handle, EMBED_LIMIT_S, EmbedderUnavailable
        )
        return vectors


class ServeAnswerer:
    """`actors.ports.Answerer` over Serve."""

    def __init__(self, handle: LazyHandle) -> None:
        """Take the handle of the model's door."""
        self._handle = handle

    async def answer(self, question: Question) -> Answer:
        """Give one reply before the question's deadline.

        Raises:
            ModelUnavailable: retryable.
        """
        left_s = max((question.deadline - datetime.now(UTC)).total_seconds(), 0.0)
        answer: Answer = await _called(
            lambda handle: handle.answer.remote(question), self._handle, left_s, ModelUnavailable
        )
        return answer


async def ask_status(handle: LazyHandle) -> Mapping[str, Any]:
    """Give what a door says of what stands behind it.

    Raises:
        MachineFailed: it does not answer.
    """
    return await _called(lambda found: found.status.remote(), handle, STATUS_LIMIT_S, MachineFailed)


async def outcome(response: Any, away: type[MachineFailed]) -> Any:
    """Give what a call comes to; a call that is not waited for any longer is cancelled, down to the engine.

    Raises:
        ParleyError: what the replica raised, as it was.
        MachineFailed: of the type `away`: no replica answered, or one failed on the call.
    """
    try:
        return await response
    except asyncio.CancelledError:
        response.cancel()  # dropping the response would not
        raise
    except RayTaskError as error:
        if isinstance(error.cause, ParleyError):
            raise error.cause from None
        raise away("a replica failed on a call") from error
    except (RayError, RayServeException, RuntimeError) as error:
        raise away("no replica answered") from error


async def _called(
    call: Callable[[Any], Awaitable[Result]], handle: LazyHandle, limit_s: float, away: type[MachineFailed]
) -> Result:
    try:
        async with asyncio.timeout(limit_s):
            result: Result = await outcome(call(await handle.get()), away)
            return result
    except (RayServeException, TimeoutError) as error:
        raise away("no replica answered in time") from error
