"""The doors: what is public, what asks for a token, and what the figures tell."""

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from telemetry import metrics
from tests.acceptance.house import House, until
from tests.acceptance.phone import Phone
from tests.acceptance.shop import SHOP
from tests.acceptance.webhooks import post

pytestmark = pytest.mark.ray

# What any traffic moves; the others begin to exist with what they count.
MOVED = (
    metrics.STEP_SECONDS,
    metrics.REPLY_SECONDS,
    metrics.WEBHOOKS,
    metrics.BAD_SIGNATURES,
    metrics.INBOX_MESSAGES,
    metrics.TURNS,
    metrics.SENDS,
    metrics.STATUSES,
    metrics.DOCUMENTS,
    metrics.LOOP_RUNNING,
)
ALWAYS = (
    metrics.INBOX_UNFINISHED,
    metrics.INBOX_OLDEST_AGE,
    metrics.OUTBOX_UNSENT,
    metrics.OUTBOX_OLDEST_AGE,
    metrics.NUMBERS_STOPPED,
    metrics.DOCUMENTS_WAITING,
    metrics.QUARANTINED_ROWS,
    metrics.DEAD_ROWS,
    metrics.PEOPLE_WAITING,
    metrics.PEOPLE_OLDEST_WAIT,
    metrics.READY,
    metrics.NODE_UP,
)
RAY_PATHS = ("/api/serve/applications/", "/api/jobs/", "/nodes?view=summary", "/api/v0/actors", "/api/v0/logs")


def test_the_callback_url_is_verified_by_its_token(house: House) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": SHOP.verify_token}
    right = httpx2.get(house.webhook, params=query, trust_env=False, timeout=20)
    assert (right.status_code, right.text) == (200, "1158201444")
    wrong = httpx2.get(house.webhook, params={**query, "hub.verify_token": "guess"}, trust_env=False, timeout=20)
    assert wrong.status_code == 403
    assert "1158201444" not in wrong.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_public_and_says_no_more_than_ok(house: House, path: str) -> None:
    answer = house.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/status", "/metrics"])
@pytest.mark.parametrize("token", [None, "guess"])
def test_operator_routes_ask_for_a_token(house: House, path: str, token: str | None) -> None:
    assert house.get(path, token).status_code == 401


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc"])
def test_no_page_describes_the_routes_to_strangers(house: House, path: str) -> None:
    assert house.get(path).status_code == 404


def test_the_status_names_engine_and_workers(house: House) -> None:
    page = house.get("/status", house.secret("operator_token"))
    assert page.status_code == 200
    assert page.json()["engine"] == "extractive"
    assert house.run("status")


async def test_one_scrape_shows_the_whole_house(house: House, phone: Phone) -> None:
    await phone.ask("Do you deliver on Saturdays?")
    await post(house, b"{}", "sha256=0")
    missing = {metric.exported_name for metric in (*MOVED, *ALWAYS)}

    async def is_all_there() -> bool:  # Ray's agent gathers every few seconds
        page = house.get("/metrics", house.secret("operator_token"))
        assert page.status_code == 200
        families = list(text_string_to_metric_families(page.text))
        missing.difference_update({sample.name for family in families for sample in family.samples})
        missing.difference_update({family.name for family in families})
        return not missing

    try:
        await until(is_all_there, 40, "all figures are on the page")
    except AssertionError:
        pytest.fail(f"not on the page: {sorted(missing)}")


@pytest.mark.parametrize("path", RAY_PATHS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guess"}])
def test_the_ray_dashboard_asks_for_its_token(house: House, path: str, headers: dict[str, str]) -> None:
    answer = httpx2.get(house.dashboard + path, headers=headers, trust_env=False, timeout=20)
    assert answer.status_code in (401, 403), answer.text[:200]


def test_the_ray_dashboard_opens_with_its_token(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.secret('ray_token')}"}
    answer = httpx2.get(house.dashboard + RAY_PATHS[0], headers=headers, trust_env=False, timeout=20)
    assert answer.status_code == 200
