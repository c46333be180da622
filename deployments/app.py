"""Dresses plain classes for Ray Serve: the only place that does. `serve.yaml` names these functions.

A root is a direct-ingress replica under HAProxy: it opens a port, and holds its shutdown for 30 s. So no worker,
embedder or model is its application's root; a thin door is. Each function imports what it dresses: the five are built
in processes of their own, and none should wait for the others' libraries.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve import Application

from deployments.settings import read_settings

SCRIPTED = "scripted"  # the model that says the same to everybody, for benchmarks and tests of the road
DRAIN_S = 40.0  # a turn's deadline, and the time to give back
LIGHT: dict[str, Any] = {"ray_actor_options": {"num_cpus": 0.1}}
HEALTH: dict[str, Any] = {"health_check_period_s": 5, "health_check_timeout_s": 10}


class NoArguments(BaseModel):
    """An application that is told nothing in `serve.yaml`."""

    model_config = ConfigDict(extra="forbid")


class ModelArguments(BaseModel):
    """The model behind the door `llm`; a path or a hub id, never a secret."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str | None = None  # unset: PARLEY_MODEL, and where that is unset too, the extractive answerer
    gpus: int = 0
    gpu_type: str | None = None
    min_replicas: int = 1
    max_replicas: int = 1


def edge(arguments: NoArguments) -> Application:
    """The webhook ingress. Autoscaled by ongoing requests, kept well below the slots: those that wait are not seen."""
    from deployments.replicas.ingress import IngressReplica

    del arguments
    dressed = serve.deployment(
        IngressReplica,
        name="Ingress",
        max_ongoing_requests=1000,
        max_queued_requests=2000,
        graceful_shutdown_timeout_s=DRAIN_S,
        # Serve makes a line of its access log for every request even where that log is off, and then drops it.
        logging_config={"encoding": "JSON", "enable_access_log": False, "log_level": "WARNING"},
        **LIGHT,
        **HEALTH,
    )
    return dressed.bind()


def brain(arguments: NoArguments) -> Application:
    """Conversation, sender, indexer and caretaker behind one door."""
    from deployments.replicas.caretaker import CaretakerReplica
    from deployments.replicas.conversation import ConversationReplica
    from deployments.replicas.indexer import IndexerReplica
    from deployments.replicas.sender import SenderReplica

    del arguments
    workers = {
        "conversation": _worker(ConversationReplica, "Conversation"),
        "sender": _worker(SenderReplica, "Sender"),
        "indexer": _worker(IndexerReplica, "Indexer"),
        "caretaker": _worker(CaretakerReplica, "Caretaker"),
    }
    return _door("Brain").bind(**workers)


def embed(arguments: NoArguments) -> Application:
    """The embedding model behind its door."""
    from deployments.replicas.embedder import EmbedderReplica

    del arguments
    dressed = serve.deployment(
        EmbedderReplica,
        name="Embedder",
        max_ongoing_requests=256,
        max_surge_percent=100,
        ray_actor_options={"num_cpus": 0.1, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}}},
        **HEALTH,
    )
    return _door("EmbedDoor").bind(embedder=dressed.bind())


def llm(arguments: ModelArguments) -> Application:
    """The generative model's door; without a model, the extractive answerer stands in its place."""
    from deployments.replicas.extractive import ExtractiveReplica

    model = arguments.model or read_settings().model
    if model == SCRIPTED:
        from deployments.replicas.scripted import ScriptedReplica

        return serve.deployment(ScriptedReplica, name="Generator", max_ongoing_requests=256, **LIGHT, **HEALTH).bind()
    if model is None:
        return serve.deployment(ExtractiveReplica, name="Generator", max_ongoing_requests=256, **LIGHT, **HEALTH).bind()
    return _generator(model, arguments)


def operator(arguments: NoArguments) -> Application:
    """Health, status and metrics; FastAPI is built inside the replica, so that nothing of it is pickled."""
    from deployments.replicas.operator import operator_app

    del arguments
    dressed = serve.deployment(
        serve.ingress(operator_app)(_OperatorReplica), name="Operator", max_ongoing_requests=100, **LIGHT, **HEALTH
    )
    return dressed.bind()


class _OperatorReplica:
    """Only the holder of the application that `operator_app` builds."""


def _worker(replica: type, name: str) -> Application:
    dressed = serve.deployment(
        replica,
        name=name,
        graceful_shutdown_timeout_s=DRAIN_S,
        max_surge_percent=100,
        **LIGHT,
        **HEALTH,
    )
    return dressed.bind()


def _door(name: str) -> Any:
    from deployments.replicas.door import Door

    return serve.deployment(Door, name=name, ray_actor_options={"num_cpus": 0})


def _generator(model: str, arguments: ModelArguments) -> Application:
    from deployments.generation.options import ModelOptions
    from deployments.generator import Generator, llm_parts

    options = ModelOptions(
        gpus=arguments.gpus,
        gpu_type=arguments.gpu_type,
        min_replicas=arguments.min_replicas,
        max_replicas=arguments.max_replicas,
    )
    engine, door = llm_parts(model, options)
    dressed = serve.deployment(
        Generator,
        name="Generator",
        max_ongoing_requests=256,
        health_check_period_s=5,
        health_check_timeout_s=1300,  # the first check waits for the engine's first token
        **LIGHT,
    )
    return dressed.bind(engine, **door)
