"""What runs in each replica: plain classes that make their own connections; `deployments/app.py` dresses them for Ray.

One rule: nothing is handed in that could not stand in `serve.yaml`; secrets are read by each replica for itself.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from knowledge.split import split
from starlette.requests import Request
from starlette.responses import Response

from actors.caretaker import Caretaker, Duty
from actors.conversation import ConversationWorker
from actors.indexer import Indexer
from actors.loop import Loop, require_alive
from actors.sender import Sender
from actors.turn import TurnTaker
from deployments.connections import Connections, configure_logs, worker_name
from deployments.embedder import Embedder
from deployments.embedding.tokens import count_tokens
from deployments.handles import LazyHandle, ServeAnswerer, ServeEmbedder
from deployments.ingress import Ingress
from deployments.settings import read_settings
from deployments.signers import ANY_APP, CachedSigners
from knowledge.extract import extract
from knowledge.extractive import ExtractiveAnswerer
from models.answer import Answer, Question
from models.passage import ExtractedDocument, Passage
from store.accounts import Accounts, App
from store.conversations import Conversations
from store.documents import Documents
from store.duties import Duties
from store.inbox import Inbox
from store.outbox import Outbox
from store.routing import Router
from store.status import queue_depths
from store.statuses import ParkedStatuses
from store.turns import Turns
from telemetry.metrics import export_through_ray

EMBEDDER = ("Embedder", "embed")  # deployment, application
GENERATOR = ("Generator", "llm")
BRAIN = ("Brain", "brain")


class IngressReplica:
    """The webhook."""

    async def __init__(self) -> None:  # type: ignore[misc]  # Serve awaits constructors
        """Connect and begin to commit."""
        self._connections = Connections.open("ingress", pool_size=4)
        accounts = Accounts(self._connections.database, self._connections.keyring)
        inbox = Inbox(self._connections.database, self._connections.keyring)
        self._ingress = Ingress(inbox, CachedSigners(accounts, _any_app(self._connections)))
        self._ingress.start()

    async def __call__(self, request: Request) -> Response:
        """Answer Meta."""
        return await self._ingress.handle(request)

    async def check_health(self) -> None:
        """Fail when the commit loop has died."""
        self._ingress.require_alive()

    async def __del__(self) -> None:
        """Commit what waits."""
        await self._ingress.drain()
        await self._connections.database.close()


class Acting(Protocol):
    """The one shape of the actors."""

    def start(self) -> None: ...
    async def drain(self) -> None: ...
    def status(self) -> dict[str, object]: ...
    @property
    def loops(self) -> tuple[Loop, ...]: ...


class WorkerReplica:
    """An actor in a replica; subclasses say which."""

    name = "worker"

    async def __init__(self) -> None:  # type: ignore[misc]  # Serve awaits constructors
        """Connect and begin to claim."""
        self._connections = Connections.open(self.name)
        self._actor = await self._make(self._connections, worker_name(self.name))
        self._actor.start()

    async def _make(self, connections: Connections, owner: str) -> Acting:
        raise NotImplementedError

    async def status(self) -> dict[str, object]:
        """Tell operators how it is."""
        return self._actor.status()

    async def check_health(self) -> None:
        """Fail when a loop has died."""
        require_alive(*self._actor.loops)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Tell the autoscaler how much waits for all workers of this kind together."""
        depths = await queue_depths(self._connections.database)
        backlog = {
            "conversation": depths.inbox_unfinished,
            "sender": depths.outbox_unsent,
            "indexer": depths.documents_waiting,
        }
        return {"backlog": float(backlog.get(self.name, 0))}

    async def __del__(self) -> None:
        """Claim nothing more, finish or give back. Serve does not drain loops of its own accord."""
        await self._actor.drain()
        await self._connections.database.close()


class ConversationReplica(WorkerReplica):
    """Answers conversations."""

    name = "conversation"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        database, keyring = connections.database, connections.keyring
        passages = connections.passages()
        await passages.prepare()
        embedder = ServeEmbedder(LazyHandle(*EMBEDDER))
        ladder = (ServeAnswerer(LazyHandle(*GENERATOR)), ExtractiveAnswerer(embedder))
        return ConversationWorker(
            owner,
            Router(database, keyring),
            Conversations(database, keyring),
            Turns(database, keyring),
            TurnTaker(embedder, passages, ladder),
        )


class SenderReplica(WorkerReplica):
    """Sends what is queued."""

    name = "sender"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        return Sender(owner, Outbox(connections.database, connections.keyring), connections.graph())


class IndexerReplica(WorkerReplica):
    """Makes documents findable."""

    name = "indexer"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        passages = connections.passages()
        await passages.prepare()
        embedder = ServeEmbedder(LazyHandle(*EMBEDDER))
        return Indexer(owner, Documents(connections.database), embedder, passages, extract, _split)


class CaretakerReplica(WorkerReplica):
    """Does the upkeep."""

    name = "caretaker"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        duties = Duties(connections.database)
        timetable = {
            "apply parked statuses": Duty(do=ParkedStatuses(connections.database).apply, every=timedelta(seconds=5)),
            "forget what nothing can match": Duty(do=duties.forget_old, every=timedelta(hours=1)),
        }
        await duties.enrol(list(timetable))
        return Caretaker(owner, duties, timetable)


class EmbedderReplica(Embedder):
    """The embedding model."""

    def __init__(self) -> None:
        """Load it from the home, exporting it first where it is missing."""
        settings = read_settings()
        configure_logs(settings, "embedder")
        export_through_ray()
        super().__init__(str(settings.root))


class ExtractiveReplica:
    """The door of the application `llm` where no model is configured: sentences of the best passages."""

    def __init__(self) -> None:
        """Find the embedder."""
        self._connections = Connections.open("extractive")
        self._answerer = ExtractiveAnswerer(ServeEmbedder(LazyHandle(*EMBEDDER)))

    async def answer(self, question: Question) -> Answer:
        """Give the best sentences, or say that the business's knowledge holds no answer."""
        return await self._answerer.answer(question)

    def status(self) -> dict[str, Any]:
        """Name the engine."""
        return {"engine": "extractive", "model": "extract", "is_warm": True}


class Door:
    """A root that lets nothing in; `deployments/app.py` says why there is one.

    It knows what stands behind it and asks how it is.
    """

    def __init__(self, **behind: Any) -> None:
        """Take the handles, by name."""
        self._behind = behind

    async def status(self) -> Mapping[str, Any]:
        """Ask each deployment behind the door; one that does not answer is told as such."""
        asked = await asyncio.gather(*(self._ask(handle) for handle in self._behind.values()))
        return dict(zip(self._behind, asked, strict=True))

    async def _ask(self, handle: Any) -> Any:
        try:
            async with asyncio.timeout(3.0):
                return await handle.status.remote()
        except Exception:  # whatever it is, the operator must see the others
            return {"alive": False}


def _split(document: ExtractedDocument, document_id: UUID) -> list[Passage]:
    return split(document, document_id=document_id, count_tokens=count_tokens)


def _any_app(connections: Connections) -> App | None:
    settings = connections.settings
    if not settings.app_secrets and settings.verify_token is None:
        return None
    return App(
        name=ANY_APP,
        secrets=tuple(secret.get_secret_value().encode() for secret in settings.app_secrets),
        verify_token=settings.verify_token.get_secret_value() if settings.verify_token else "",
    )
