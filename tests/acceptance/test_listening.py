"""What can be reached from other machines: this list and nothing else. A firewall is part of any installation.

Serve binds these to all interfaces whatever it is told; everything else binds 127.0.0.1, or a Unix socket.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.house import House, title

pytestmark = pytest.mark.ray

DIRECT_INGRESS = range(30000, 32000)  # RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT and its range
REPLICA = "ray::ServeReplica"
ROOTS = {"Ingress", "Brain", "EmbedDoor", "Generator", "Operator"}  # one an application, see deployments/app.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A listening socket that other machines reach."""

    pid: int
    program: str
    address: str
    port: int


def test_only_the_listed_doors_are_open_to_other_machines(house: House) -> None:
    serve = _ports_of_serve(house)
    reasons = {door: _reason(door, serve, house) for door in _doors(house)}
    unlisted = [door for door, reason in reasons.items() if reason is None]
    assert not unlisted, "add its reason to this test and to docs/architecture.md, or bind it to 127.0.0.1"
    assert {"webhook", "direct ingress"} <= set(reasons.values())


def test_a_replica_has_one_door_for_calls_and_roots_alone_have_one_for_http(house: House) -> None:
    doors = [door for door in _doors(house) if door.program.startswith(REPLICA)]
    assert {_deployment(door) for door in doors} >= ROOTS
    for pid in {door.pid for door in doors}:
        opened = [door for door in doors if door.pid == pid]
        reasons = [_reason_of_replica(door) for door in opened]
        assert reasons.count("direct ingress") == (_deployment(opened[0]) in ROOTS), opened
        assert reasons.count("calls between replicas") <= 1, opened


def _deployment(door: Door) -> str:
    """The replica's deployment: its title is `ray::ServeReplica:application:Deployment`, with the method it is in."""
    return door.program.split(":")[-1].partition(".")[0].strip()


def _reason(door: Door, serve: Mapping[str, int], house: House) -> str | None:
    """Why the door is open, and who is behind it; None for one that should not be."""
    if door.program.split(" -")[0].endswith("haproxy"):
        known = {
            house.ports["HTTP"]: "webhook",  # the one door that is meant: webhook, health and operator routes
            serve["RAY_SERVE_HAPROXY_METRICS_PORT"]: "figures of HAProxy",  # for Prometheus; 9101 by default
            serve["RAY_SERVE_HAPROXY_STATS_PORT"]: "state of HAProxy",  # asked by its manager; 8404 by default
        }
        return known.get(door.port)
    if door.program.startswith("ray::ProxyActor"):  # HAProxy turns to it while no replica has told its port
        return "fallback proxy" if door.port == serve["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] else None
    if door.program.startswith(REPLICA):
        return _reason_of_replica(door)
    return None


def _reason_of_replica(door: Door) -> str | None:
    """Roots of applications take HTTP from HAProxy; every replica takes calls of other replicas by gRPC."""
    if door.port in DIRECT_INGRESS:
        return "direct ingress" if door.address == "0.0.0.0" else None  # noqa: S104 - compared, not bound
    # `ray/serve/_private/replica.py` binds "[::]:0", so that the kernel chooses.
    return "calls between replicas" if door.address == "::" and door.port in _kernels_choice() else None


def _kernels_choice() -> range:
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return range(int(first), int(last) + 1)


def _doors(house: House) -> set[Door]:
    return {
        Door(pid=process.pid, program=program, address=connection.laddr.ip, port=connection.laddr.port)
        for process in house.processes()
        for program in [title(process)]
        for connection in _sockets(process)
        if connection.status == psutil.CONN_LISTEN and not _is_local(connection.laddr.ip)
    }


def _sockets(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections(kind="inet"))
    except psutil.NoSuchProcess:
        return []


def _is_local(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _ports_of_serve(house: House) -> Mapping[str, int]:
    """The ports that the owner chose for Serve, as its head was told."""
    (head,) = [process for process in house.processes() if "deployments.ray_head" in title(process)]
    return {name: int(value) for name, value in head.environ().items() if name.endswith("_PORT") and value.isdigit()}
