"""What can be reached from other machines: this list and nothing else. A firewall is part of any installation.

Serve binds these to all interfaces whatever it is told; everything else binds 127.0.0.1, or a Unix socket.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.acceptance.house import House, title

pytestmark = pytest.mark.ray

DIRECT_INGRESS = range(30000, 32000)  # RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT and its range


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A listening socket that other machines reach."""

    program: str
    port: int


def test_only_the_listed_doors_are_open_to_other_machines(house: House) -> None:
    opened = _doors(house)
    reasons = {door: _reason(door, _ports_of_serve(house), house) for door in opened}
    unlisted = [door for door, reason in reasons.items() if reason is None]
    assert not unlisted, "add its reason to this test, or bind it to 127.0.0.1"
    assert {"webhook", "direct ingress"} <= set(reasons.values())


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
    if door.program.startswith("ray::ServeReplica"):
        # Roots of applications take HTTP from HAProxy; every replica takes calls of other replicas by gRPC.
        return "direct ingress" if door.port in DIRECT_INGRESS else "calls between replicas"
    return None


def _doors(house: House) -> set[Door]:
    return {
        Door(program=title(process), port=connection.laddr.port)
        for process in house.processes()
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
