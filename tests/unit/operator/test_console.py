"""The console's files and the doors of its routes; what the routes do stands in tests/integration."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.operator import console_files
from tests.unit.operator.house import calling

FOLDER = Path(console_files.__file__).parent / "console"
KEY = uuid4()
ROUTES = (
    ("GET", "/conversations"),
    ("GET", f"/conversations/{KEY}"),
    ("GET", f"/conversations/{KEY}/turns/{KEY}"),
    ("POST", f"/conversations/{KEY}/take"),
    ("POST", f"/conversations/{KEY}/reply"),
    ("POST", f"/conversations/{KEY}/hand-back"),
)
BODIES = {
    "take": {"by": "Ana"},
    "reply": {"by": "Ana", "text": "canary", "request_id": str(KEY)},
    "hand-back": {"by": "Ana"},
}


async def test_the_page_is_public_and_allows_nothing_from_elsewhere_and_nothing_inline() -> None:
    async with calling(None) as client:
        page = await client.get("/console")
        for name in re.findall(r'"/console/([^"]+)"', page.text):
            file = await client.get(f"/console/{name}")
            assert file.status_code == 200
            assert file.headers["x-content-type-options"] == "nosniff"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|style=|https?://", page.text)


def test_no_script_parses_html_or_names_another_host() -> None:
    for file in FOLDER.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", file.read_text()
        )


@pytest.mark.parametrize("name", ["..%2fapp.py", "%2e%2e", "nothing.js", "index.htm", "..%5capp.py"])
async def test_only_the_pages_own_files_are_given(name: str) -> None:
    async with calling() as client:
        assert (await client.get(f"/console/{name}")).status_code == 404


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_conversations_need_the_token(method: str, path: str) -> None:
    async with calling(None) as client:
        answer = await client.request(method, path, json=BODIES.get(path.rpartition("/")[2]))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_while_postgres_is_away_it_is_said_when_to_ask_again(method: str, path: str) -> None:
    async with calling() as client:
        answer = await client.request(method, path, json=BODIES.get(path.rpartition("/")[2]))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is not the JSON object asked for."),
        (b'"canary"', "The body is not the JSON object asked for."),
        (b'{"canary": 1}', "Wrong or missing: by, request_id, text."),
        (b'{"by": "Ana", "text": "canary", "request_id": "canary"}', "Wrong or missing: request_id."),
        (b'{"by": "Ana", "text": 7, "request_id": "canary"}', "Wrong or missing: request_id, text."),
    ],
)
async def test_what_is_wrong_in_a_body_is_named_and_not_repeated(body: bytes, detail: str) -> None:
    async with calling() as client:
        answer = await client.post(f"/conversations/{KEY}/reply", content=body)
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)
    assert "canary" not in answer.text


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with calling() as client:
        answer = await client.post(f"/conversations/{KEY}/reply", content=b"x" * 70_000)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "which=canary"])
async def test_pages_are_bounded(query: str) -> None:
    async with calling() as client:
        answer = await client.get(f"/conversations?{query}")
    assert answer.status_code == 422
    assert "canary" not in answer.text
