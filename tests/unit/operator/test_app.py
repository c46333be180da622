"""The doors of the operator application: who may come in, and what is told."""

import logging
from dataclasses import replace

import pytest
from fastapi import FastAPI

from deployments.operator.app import build_app
from deployments.operator.permissions import Permission, declared_permission
from deployments.operator.ports import ApplicationStatus
from models.errors import StoreUnavailable
from security.tokens import hash_token, new_token
from tests.unit.operator.house import DEPTHS, RUNNING, TOKEN, caller, calling, ports

HEALTH = ("/healthz", "/readyz")
PUBLIC = {*HEALTH, "/console", "/console/{name}"}


def test_every_route_declares_its_permission() -> None:
    app = build_app(ports())
    declared = {getattr(route, "path", "?"): declared_permission(route) for route in app.routes}
    assert None not in declared.values()
    assert {path for path, permission in declared.items() if permission is Permission.PUBLIC} == PUBLIC
    assert declared.keys() >= {"/status", "/metrics"}


def test_a_route_without_a_permission_is_noticed() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/open", lambda: None)
    assert [declared_permission(route) for route in app.routes] == [None]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], hash_token(TOKEN), new_token()])
async def test_everything_but_health_needs_the_token(token: str | None) -> None:
    async with calling(token) as client:
        for path in ("/status", "/metrics"):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in HEALTH:
            assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("token", [None, "", " "])
async def test_an_operator_token_that_was_left_empty_opens_nothing(token: str | None) -> None:
    unset = replace(ports(), token_hash=hash_token(""))
    async with caller(build_app(unset), token) as client:
        assert (await client.get("/status")).status_code == 401
        assert (await client.get("/metrics")).status_code == 401


async def test_another_scheme_does_not_open() -> None:
    async with calling(None) as client:
        for header in (TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}", "Bearer", "Bearer \xe9"):
            answer = await client.get("/status", headers={"Authorization": header.encode("latin-1")})
            assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/nothing"])
async def test_there_are_no_pages_of_documentation(path: str) -> None:
    async with calling() as client:
        assert (await client.get(path)).status_code == 404


async def test_health_tells_nothing_but_ok() -> None:
    async with calling(None) as client:
        for path in HEALTH:
            assert (await client.get(path)).json() == {"status": "ok"}


async def test_not_ready_tells_nothing_but_not_ok() -> None:
    async with calling(None, can_keep=StoreUnavailable("host db.internal is away")) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "not ok"})
        assert answer.headers["retry-after"] == "1"
        assert (await client.get("/healthz")).status_code == 200


async def test_errors_are_problem_details_with_the_request_id() -> None:
    async with calling(None) as client:
        answer = await client.get("/status", headers={"X-Request-Id": "abc-12345"})
        missing = await client.get("/nothing", headers={"X-Request-Id": "no good id\t"})
        wrong_method = await client.post("/healthz")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-request-id" not in answer.headers, "Serve repeats an id that came with the request"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "This needs the operator's bearer token.",
        "instance": "/status",
        "request_id": "abc-12345",
    }
    assert missing.json()["request_id"] == missing.headers["x-request-id"] != "no good id"
    assert (missing.json()["status"], wrong_method.json()["status"]) == (404, 405)
    assert wrong_method.headers["allow"] == "GET"


async def test_an_unforeseen_error_is_a_problem_that_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = build_app(ports())

    async def broken() -> None:
        raise RuntimeError("canary")

    app.add_api_route("/broken", broken)
    async with caller(app) as client:
        with caplog.at_level(logging.ERROR):
            answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "canary" not in answer.text
    assert "request failed" in caplog.text


async def test_a_wrong_parameter_is_not_repeated() -> None:
    app = build_app(ports())

    async def one(number: int) -> None: ...

    app.add_api_route("/one", one)
    async with caller(app) as client:
        answer = await client.get("/one?number=canary")
    assert answer.status_code == 422
    assert "canary" not in answer.text


async def test_answers_are_kept_by_nobody() -> None:
    async with calling() as client:
        for path in ("/healthz", "/status", "/metrics", "/nothing"):
            assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_status_tells_the_whole_house() -> None:
    async with calling() as client:
        told = (await client.get("/status")).json()
    assert told["status"] == "ok"
    assert (told["ready"], told["engine"], told["model"]) == (True, "vllm", "tiny")
    assert told["applications"][0]["deployments"][0]["replicas"] == {"RUNNING": 2}
    assert told["queues"]["quarantined"] == DEPTHS.quarantined
    assert told["workers"] == {"conversation": {"running": True}}
    assert told["versions"] == {"ray": "2.60.0"}
    assert told["unavailable"] == []


async def test_a_part_that_is_away_is_named_and_the_rest_is_told() -> None:
    async with calling(
        queue_depths=StoreUnavailable("away"), workers=RuntimeError(), generator=RuntimeError()
    ) as client:
        told = (await client.get("/status")).json()
    assert told["status"] == "degraded"
    assert sorted(told["unavailable"]) == ["generator", "queues", "workers"]
    assert told["engine"] is None
    assert told["applications"][0]["name"] == RUNNING.name


async def test_a_failed_application_degrades_and_its_message_is_redacted() -> None:
    failed = ApplicationStatus(name="llm", status="DEPLOY_FAILED", message="boom for 34600111222")
    async with calling(applications=[RUNNING, failed]) as client:
        told = (await client.get("/status")).json()
    assert told["status"] == "degraded"
    assert told["applications"][1]["message"] == "boom for <number>"
