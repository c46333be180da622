"""What `/status` tells: everything an operator asks first, each part with a limit of its own."""

import asyncio
from dataclasses import asdict
from typing import Any

from deployments.operator.health import ReadinessProbe
from deployments.operator.ports import ApplicationStatus, OperatorPorts, within
from security.redaction import redact

_LIMIT_S = 4.0
_WELL = frozenset({"RUNNING", "HEALTHY"})


async def status_page(ports: OperatorPorts, probe: ReadinessProbe) -> dict[str, Any]:
    """Give the state of the house as JSON values; a part that is away is null and named in `unavailable`."""
    is_ready, applications, workers, generator, depths = await asyncio.gather(
        probe.is_ready(),
        within(_LIMIT_S, "applications", ports.applications),
        within(_LIMIT_S, "workers", ports.workers),
        within(_LIMIT_S, "generator", ports.generator),
        within(_LIMIT_S, "queues", ports.queue_depths),
    )
    parts: dict[str, Any] = {
        "applications": None if applications is None else list(map(_told, applications)),
        "workers": None if workers is None else dict(workers),
        "generator": None if generator is None else dict(generator),
        "queues": None if depths is None else asdict(depths),
    }
    unavailable = [name for name, part in parts.items() if part is None]
    is_well = is_ready and not unavailable and all(map(_is_well, applications or ()))
    named = generator or {}
    about = {"engine": named.get("engine"), "model": named.get("model"), "versions": dict(ports.versions)}
    return {"status": "ok" if is_well else "degraded", "ready": is_ready, "unavailable": unavailable, **about, **parts}


def _is_well(application: ApplicationStatus) -> bool:
    return application.status in _WELL and all(each.status in _WELL for each in application.deployments)


def _told(application: ApplicationStatus) -> dict[str, Any]:
    told = asdict(application)
    # The engine's messages hold tracebacks of our own code.
    for part in (told, *told["deployments"]):
        part["message"] = redact(part["message"])
    return told
