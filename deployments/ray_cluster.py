"""A local Ray head with Serve behind HAProxy: started, deployed to, asked and ended by one owner.

Everything that can binds 127.0.0.1; HAProxy and the doors behind it listen on all interfaces, because Serve forces it
(`tests/acceptance/test_listening.py` lists them).
"""

import json
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import psutil

from deployments.embedded.processes import end, environment_of, find, instance_of, is_running
from deployments.embedded.server import has_ended, launch
from deployments.settings import ROOT
from models.errors import MachineFailed, WrongSetting
from security.tokens import token_file

logger = logging.getLogger(__name__)

START_LIMIT_S = 120.0  # on a busy machine; 5 s on a quiet one
CALL_LIMIT_S = 20.0
DELETE_LIMIT_S = 15.0
LOGICAL_CPUS = 8  # what Ray's books hold; nothing is reserved on one machine, the cores are shared by all
OBJECT_STORE_BYTES = 100 * 1024 * 1024  # calls go by gRPC; Ray asks for 75 MiB at least
_PORT_VARIABLES = (
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_HAPROXY_STATS_PORT",
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
)
_CLUSTER_MARK = "RAY_AUTH_TOKEN_PATH"  # also the mark of all that belongs to this cluster: nobody else has the path
_VITAL = frozenset({"gcs_server", "raylet"})
_APPLICATIONS = "/api/serve/applications/"

ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system it means: the node's address is 127.0.0.1
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",  # nobody routes to us from other machines
    "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "60",  # an hour by default: a trickle on each connection would shut the door
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.middlewares:middlewares",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_preload_python_modules": "deployments.lean",
    "RAY_GRAFANA_HOST": "DISABLED",
    "PYTHONUNBUFFERED": "1",
}


class LocalRay:
    """One head node. All methods block."""

    def __init__(self, home: Path, *, dashboard_port: int) -> None:
        """Prepare; nothing is started."""
        self._home = home
        self._dashboard = f"http://127.0.0.1:{dashboard_port}"
        self._dashboard_port = dashboard_port
        self._token = home / "secrets" / "ray_token"
        # Not under the home: Ray's sockets lie below this folder, and their paths may have 107 bytes at most. Ray opens
        # its own folder to everybody, so it lies in one that only we may enter.
        self._folder = Path(tempfile.gettempdir()) / f"parley-{os.getuid()}-{instance_of(home)}"
        self._head: psutil.Process | None = None
        self._vital: list[psutil.Process] = []
        self._client = httpx2.Client(base_url=self._dashboard, timeout=CALL_LIMIT_S, trust_env=False)

    @property
    def dashboard(self) -> str:
        """Where operators look."""
        return self._dashboard

    @property
    def token(self) -> str:
        """What the dashboard asks for."""
        return token_file(self._token)

    def start(self, extra: Mapping[str, str]) -> None:
        """Start the head; what it starts inherits this process's environment and `extra`.

        Raises:
            MachineFailed: it did not come up; the log says why.
        """
        self._vital = []
        self._make_folder()
        token_file(self._token)
        environment = {
            **environment_of(self._home),
            **ENVIRONMENT,
            _CLUSTER_MARK: str(self._token),
            "PYTHONPATH": str(ROOT),
            **{variable: str(port) for variable, port in zip(_PORT_VARIABLES, free_ports(3), strict=True)},
            **places_of_haproxy(self._folder),
            **extra,
        }
        self._head = launch(
            [self._python(), "-P", "-m", "deployments.ray_head", self._options()],
            log=self._home / "logs" / "ray.log",
            cwd=ROOT,
            environment=environment,
        )
        self._wait_for_dashboard()
        self._vital = [child for child in self._head.children() if child.name() in _VITAL]

    def is_alive(self) -> bool:
        """Whether the head runs, and what it cannot do without: it may live on for a minute after them."""
        return self._head is not None and not has_ended(self._head) and all(map(is_running, self._vital))

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Make the cluster run this manifest.

        Raises:
            MachineFailed: the cluster refused it, and says why.
        """
        answer = self._call("PUT", json=dict(config))
        if answer.status_code != 200:
            raise MachineFailed(f"Ray Serve refused the manifest: {answer.text[:500]}")

    def applications(self) -> dict[str, Any]:
        """Give each application with its `status`, `message` and `deployments`."""
        found: dict[str, Any] = self._call("GET").json().get("applications", {})
        return found

    def stop(self) -> None:
        """Let replicas drain for a while, then end every process of this cluster; safe twice."""
        if self._head is not None and self.is_alive():
            self._drain()
        if self._head is not None:
            end([self._head], grace_s=10)
            has_ended(self._head)
        end(find(str(self._token), _CLUSTER_MARK), grace_s=5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.mkdir(mode=0o700)
        except FileExistsError:
            raise WrongSetting(
                f"{self._folder} is another user's: remove it, or set TMPDIR to another folder."
            ) from None

    def _python(self) -> str:
        """Give the interpreter by a path without a space: Ray takes the command of its workers apart at spaces."""
        if " " not in sys.executable:
            return sys.executable
        link = self._folder / "environment"
        link.symlink_to(sys.prefix)
        return str(link / "bin" / Path(sys.executable).name)

    def _options(self) -> str:
        options = {
            "num_cpus": LOGICAL_CPUS,
            "object_store_memory": OBJECT_STORE_BYTES,
            "labels": {"tier": "all"},
            "dashboard_port": self._dashboard_port,
            "_temp_dir": str(self._folder / "ray"),
            "namespace": "parley",
        }
        return json.dumps(options)

    def _wait_for_dashboard(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if not self.is_alive():
                raise MachineFailed(f"Ray ended while starting; see {self._home / 'logs' / 'ray.log'}.")
            try:
                if self._call("GET").status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.1)
        raise MachineFailed(f"Ray was not ready after {START_LIMIT_S:.0f} s; see {self._home / 'logs' / 'ray.log'}.")

    def _drain(self) -> None:
        try:
            self._call("DELETE")
            deadline = time.monotonic() + DELETE_LIMIT_S
            while time.monotonic() < deadline and self.applications():
                time.sleep(0.2)
        except httpx2.HTTPError:
            logger.info("Ray did not answer while stopping; its processes are ended")

    def _call(self, method: str, **options: Any) -> httpx2.Response:
        return self._client.request(method, _APPLICATIONS, headers={"Authorization": f"Bearer {self.token}"}, **options)


def places_of_haproxy(folder: Path) -> dict[str, str]:
    """Keep HAProxy's files in a folder that only we may enter.

    By default they lie in /tmp/haproxy-serve: whoever makes that first can exchange them, and every user of the machine
    may give orders to the admin socket. Short names: a socket's path may have 97 bytes, and Serve adds 57.
    """
    return {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "a"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "m"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_LOG_TARGET": str(folder / "l"),  # nobody listens: its lines hold URLs, tokens among them
    }


def free_ports(count: int) -> list[int]:
    """Give ports that nobody listens on, for doors that only this machine's Serve uses."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
