"""The one owner of everything that runs on one machine: starts it in order, watches it, ends it without a trace.

The owner is a process of its own (`./parley up` leaves it in the background, `./parley demo` is it). If it is killed,
the next `up` finds what it left by the marks in `deployments/embedded/processes.py`, and the data is where it was.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from deployments.embedded.milvus import EmbeddedMilvus
from deployments.embedded.postgres import EmbeddedPostgres
from deployments.embedded.private import environment_without_secrets
from deployments.embedded.processes import RunFolder, RunRecord, end, find, instance_of
from deployments.embedded.server import EmbeddedServer, has_ended, launch
from deployments.embedding.artifact import ready_model
from deployments.manifest import for_one_machine, read_manifest
from deployments.ray_cluster import LocalRay
from deployments.running import OWNER, running_owner, simulator_url, state_file, uses_simulator
from deployments.settings import PREFIX, ROOT, Settings
from models.errors import MachineFailed, ParleyError, WrongSetting
from store import schema
from telemetry.logs import forget_old

LEAST_FREE_BYTES = 1_000_000_000
READY_LIMIT_S = 300.0
READY_LIMIT_WITH_MODEL_S = 1500.0  # a large model is fetched and loaded first
WATCH_EVERY_S = 2.0
_FAILED = {"DEPLOY_FAILED", "UNHEALTHY"}

Say = Callable[[str], None]


class Owner:
    """Starts, watches and ends one installation; its methods block."""

    def __init__(self, settings: Settings, say: Say, *, applications: Collection[str] = ()) -> None:
        """Prepare.

        Args:
            say: takes one line for a person who waits.
            applications: those of serve.yaml to run; none named: all.
        """
        self._settings = settings
        self._only = applications
        self._say = say
        self._home = settings.root
        self._runs = RunFolder(self._home)
        self._ray = LocalRay(self._home, dashboard_port=settings.dashboard_port)
        self._servers: list[EmbeddedServer] = []
        self._simulator: psutil.Process | None = None
        self._environment: dict[str, str] = {}

    def start(self) -> None:
        """Bring everything up and return when messages are answered.

        Raises:
            WrongSetting: something is missing or taken; one sentence says what to do.
            MachineFailed: a part did not come up.
        """
        self._prepare_home()
        self._clear_leftovers()
        self._check_ports()
        with ThreadPoolExecutor() as side:
            model = side.submit(self._timed, "embedding model", lambda: ready_model(self._home))
            milvus = self._start_stores(side)
            self._start_simulator()
            self._timed("Ray", lambda: self._ray.start(self._environment))
            model.result()
            milvus.result()
        self._deploy()
        self._write_state()

    def watch(self, stopping: Callable[[], bool]) -> None:
        """Keep everything running until told to stop (docs/decisions/0013).

        Raises:
            MachineFailed: Ray died and did not come up again.
        """
        while not stopping():
            time.sleep(WATCH_EVERY_S)
            if stopping():
                return
            for server in self._servers:
                if not server.is_alive():
                    self._say(f"{server.name} has died and is started again")
                    with contextlib.suppress(ParleyError):  # the next round tries again
                        server.start()
            if not self._ray.is_alive():
                self._say("Ray has died and is started again")
                self._ray.stop()
                self._timed("Ray", lambda: self._ray.start(self._environment))
                self._deploy()

    def stop(self) -> None:
        """End everything in the opposite order; safe twice, and after a failed start."""
        self._ray.stop()
        if self._simulator is not None:
            end([self._simulator], grace_s=5)
            has_ended(self._simulator)
        for server in reversed(self._servers):
            server.stop()
        end(find(instance_of(self._home)), grace_s=5)
        self._runs.remove(OWNER)
        state_file(self._home).unlink(missing_ok=True)

    def claim(self) -> None:
        """Write down that this process is the owner.

        Raises:
            WrongSetting: another owner is up.
        """
        if (other := running_owner(self._home)) is not None and other.pid != os.getpid():
            raise WrongSetting("Parley is up already in this folder; ./parley status shows it, ./parley down ends it.")
        self._home.mkdir(parents=True, exist_ok=True)
        self._runs.write(OWNER, RunRecord.of(os.getpid()))

    def _prepare_home(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        (self._home / "secrets").mkdir(exist_ok=True, mode=0o700)
        self._settings.make_keys()
        forget_old(self._home / "logs")
        _ = self._settings.keyring, self._settings.operator_token_text  # read once, so that a wrong one stops the start
        free = shutil.disk_usage(self._home).free
        if free < LEAST_FREE_BYTES:
            raise WrongSetting(
                f"Only {free // 1_000_000} MB are free where PARLEY_HOME is; Parley needs "
                f"{LEAST_FREE_BYTES // 1_000_000} MB: make room, or set PARLEY_HOME to another disk."
            )

    def _clear_leftovers(self) -> None:
        left = find(instance_of(self._home))
        if left:
            self._say(f"ending {len(left)} processes that a killed owner left behind")
            end(left, grace_s=5)

    def _check_ports(self) -> None:
        settings = self._settings
        wanted = {"HTTP_PORT": settings.http_port, "DASHBOARD_PORT": settings.dashboard_port}
        if uses_simulator(settings):
            wanted["SIMULATOR_PORT"] = settings.simulator_port
        for name, port in wanted.items():
            if is_taken(port):
                raise WrongSetting(f"Port {port} is taken by another program; set {PREFIX}{name} to a free one.")

    def _start_stores(self, side: ThreadPoolExecutor) -> Future[None]:
        """Start what is embedded; Milvus may still be loading when this returns, and a result tells when it is not."""
        settings = self._settings
        environment = {f"{PREFIX}HOME": str(self._home)}
        if settings.database_url is None:
            url = self._own(EmbeddedPostgres(self._home, say=self._say))
            environment[f"{PREFIX}DATABASE_URL"] = url
        else:
            url = settings.database_url.get_secret_value()
        self._timed("schema", lambda: asyncio.run(schema.upgrade(url)))
        loading: Future[None] = Future()
        if settings.milvus_uri is None:
            milvus = EmbeddedMilvus(self._home, say=self._say)
            self._servers.append(milvus)
            uri = environment[f"{PREFIX}MILVUS_URI"] = milvus.begin()
            loading = side.submit(self._timed, milvus.name, lambda: milvus.finish(uri))
        else:
            loading.set_result(None)
        self._environment |= environment
        return loading

    def _own(self, server: EmbeddedServer) -> str:
        self._servers.append(server)
        address = self._timed(server.name, server.start)
        return str(address)

    def _start_simulator(self) -> None:
        """Stand in for Meta, unless PARLEY_GRAPH_URL says where Graph is (docs/decisions/0009)."""
        if not uses_simulator(self._settings):
            return
        port = self._settings.simulator_port
        self._simulator = launch(
            [sys.executable, "-P", "-m", "whatsapp.simulator", "--host", "127.0.0.1", "--port", str(port)],
            log=self._home / "logs" / "simulator.log",
            cwd=ROOT,
            environment={**environment_without_secrets(self._home), "PYTHONPATH": str(ROOT)},
        )
        self._environment[f"{PREFIX}GRAPH_URL"] = simulator_url(self._settings)

    def _deploy(self) -> None:
        self._ray.deploy(self._manifest())
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        limit_s = READY_LIMIT_WITH_MODEL_S if self._settings.model else READY_LIMIT_S
        deadline = time.monotonic() + limit_s
        told: set[str] = set()
        while time.monotonic() < deadline:
            applications = self._applications()
            for name in sorted(_running(applications) - told):
                self._say(f"application {name} runs")
                told.add(name)
            if told >= set(applications) and applications and self._answers():
                return
            _raise_if_failed(applications, self._home)
            if not self._ray.is_alive():
                raise MachineFailed(f"Ray ended while starting; see {self._home / 'logs' / 'ray.log'}.")
            time.sleep(0.25)
        raise MachineFailed(f"The service was not ready after {limit_s:.0f} s; see {self._home / 'logs'}.")

    def _manifest(self) -> dict[str, Any]:
        settings = self._settings
        config = for_one_machine(read_manifest(), http_port=settings.http_port, model=absolute_model(settings.model))
        if self._only:
            config["applications"] = [found for found in config["applications"] if found["name"] in self._only]
        return config

    def _applications(self) -> dict[str, Any]:
        try:
            return self._ray.applications()
        except (httpx2.HTTPError, ValueError):
            return {}

    def _answers(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self._settings.http_port}/readyz"
            return httpx2.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False

    def _write_state(self) -> None:
        state = {"dashboard": self._ray.dashboard, "environment": self._environment}
        path = state_file(self._home)
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(state))

    def _timed(self, what: str, step: Callable[[], Any]) -> Any:
        start = time.monotonic()
        result = step()
        self._say(f"{what} ready after {time.monotonic() - start:.1f} s")
        return result


def absolute_model(model: str | None) -> str | None:
    """Give a model's path as every process finds it; a hub id stays as it is."""
    return str(Path(model).expanduser().resolve()) if model and Path(model).expanduser().exists() else model


def is_taken(port: int) -> bool:
    """Whether a program listens on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104  (HAProxy will bind all interfaces)
        except OSError:
            return True
    return False


@contextmanager
def owning(settings: Settings, say: Say, *, applications: Collection[str] = ()) -> Iterator[Owner]:
    """Own an installation for the length of a block; whatever happens in it, everything is ended."""
    owner = Owner(settings, say, applications=applications)
    owner.claim()
    try:
        yield owner
    finally:
        owner.stop()


def _running(applications: dict[str, Any]) -> set[str]:
    return {name for name, found in applications.items() if found["status"] == "RUNNING"}


def _raise_if_failed(applications: dict[str, Any], home: Path) -> None:
    for name, found in applications.items():
        if found["status"] in _FAILED:
            reason = " ".join(str(found["message"]).split())[-400:]
            raise MachineFailed(f"The application {name} did not start ({reason}); see {home / 'logs'}.")
