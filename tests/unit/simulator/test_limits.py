"""Meta's limits, by the letter: the pure keeper, then the same over HTTP."""

import httpx2
import pytest

from tests.unit.simulator.servers import NUMBER_ID, Wire, wire
from whatsapp.simulator.graph_errors import GraphError
from whatsapp.simulator.knobs import GraphFaults, Limits
from whatsapp.simulator.limits import LimitKeeper

NOW = 1_700_000_000.0


def refusals(keeper: LimitKeeper, users: list[str], now: float) -> list[int]:
    """The code for each message, 0 where it passed."""
    codes = []
    for user in users:
        try:
            keeper.admit("n1", user, now)
            codes.append(0)
        except GraphError as error:
            codes.append(error.code)
    return codes


def test_eighty_messages_pass_at_once_and_then_one_every_eightieth_of_a_second() -> None:
    keeper = LimitKeeper(Limits())
    users = [f"u{n}" for n in range(81)]
    assert refusals(keeper, users, NOW) == [0] * 80 + [130429]
    assert refusals(keeper, ["v1", "v2"], NOW + 1 / 80) == [0, 130429]
    assert refusals(keeper, [f"w{n}" for n in range(81)], NOW + 2) == [0] * 80 + [130429]


def test_what_users_write_counts_against_the_number_and_is_never_a_debt() -> None:
    keeper = LimitKeeper(Limits())
    for _ in range(1000):
        keeper.receive("n1", NOW)
    assert refusals(keeper, ["u1"], NOW) == [130429]
    assert refusals(keeper, [f"u{n}" for n in range(41)], NOW + 0.5) == [0] * 40 + [130429]


def test_a_user_gets_a_burst_of_45_and_then_one_message_in_six_seconds() -> None:
    keeper = LimitKeeper(Limits())
    assert refusals(keeper, ["u1"] * 46, NOW) == [0] * 45 + [131056]
    assert refusals(keeper, ["u1"], NOW + 5.999) == [131056]
    assert refusals(keeper, ["u1", "u1", "u2"], NOW + 6) == [0, 131056, 0]
    assert refusals(keeper, ["u1"] * 46, NOW + 6 + 45 * 6) == [0] * 45 + [131056]


def test_what_was_refused_counts_nowhere() -> None:
    keeper = LimitKeeper(Limits(number_burst=2, number_per_s=1, pair_burst=1))
    assert refusals(keeper, ["u1", "u1", "u1", "u2"], NOW) == [0, 131056, 131056, 0]
    assert keeper.refused == {130429: 0, 131056: 2}


def test_forgotten_users_are_those_whose_bucket_is_full() -> None:
    keeper = LimitKeeper(Limits(number_per_s=10_000, number_burst=10_000))
    assert set(refusals(keeper, [f"u{n}" for n in range(4096)], NOW)) == {0}
    assert refusals(keeper, ["u1"] * 45, NOW) == [0] * 44 + [131056]
    assert refusals(keeper, ["late"], NOW + 6) == [0]
    assert len(keeper._pairs) == 2  # "u1", whose bucket is not full, and "late"


def test_limits_can_be_switched_off() -> None:
    assert set(refusals(LimitKeeper(Limits(enforced=False)), ["u1"] * 500, NOW)) == {0}


async def guest(connected: Wire) -> str:
    user = await connected.control.add_user("Ana")
    await connected.control.send_text(user.id, NUMBER_ID, "Hello")
    return f"+{user.phone}"


async def code(answer: httpx2.Response) -> int:
    return int(answer.json()["error"]["code"])


@pytest.mark.parametrize(
    ("limits", "expected", "title"),
    [
        (Limits(number_burst=2, number_per_s=0.001), 130429, "Rate limit hit"),
        (Limits(pair_burst=1), 131056, "(Business Account, Consumer Account) pair rate limit hit"),
    ],
)
async def test_a_broken_limit_is_answered_in_metas_words(limits: Limits, expected: int, title: str) -> None:
    async with wire(limits=limits) as connected:
        to = await guest(connected)
        assert (await connected.send(to=to, text={"body": "one"})).status_code == 200
        refused = await connected.send(to=to, text={"body": "two"})
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["type"]) == (400, expected, "OAuthException")
        assert error["message"] == f"(#{expected}) {title}"
        assert error["error_data"]["messaging_product"] == "whatsapp"
        assert (await connected.control.progress()).refused[str(expected)] == 1
        await connected.control.set_limits(Limits())
        assert (await connected.send(to=to, text={"body": "three"})).status_code == 200


async def test_time_can_be_advanced_so_that_the_window_closes_and_files_expire() -> None:
    async with wire() as connected:
        to = await guest(connected)
        media_id = await connected.control.upload(b"text", "text/plain")
        before = await connected.control.now()
        await connected.control.advance(8 * 24 * 3600)
        assert await connected.control.now() >= before + 8 * 24 * 3600
        wamid = (await connected.send(to=to, text={"body": "late"})).json()["messages"][0]["id"]
        await connected.business.until(lambda: connected.business.steps(wamid) == ["failed"])
        assert connected.business.updates[-1]["statuses"][0]["errors"][0]["code"] == 131047
        await connected.control.set_limits(Limits(window_error="answer"))
        assert await code(await connected.send(to=to, text={"body": "late"})) == 131047
        template = {"name": "hello", "language": {"code": "en"}}
        assert (await connected.send(to=to, type="template", template=template)).status_code == 200
        async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as page:
            assert (await page.get(f"/simulator/media/{media_id}")).status_code == 404


async def test_who_opted_out_gets_no_template_and_who_blocks_gets_nothing() -> None:
    async with wire() as connected:
        to = await guest(connected)
        template = {"name": "hello", "language": {"code": "en"}}

        async def failure(**body: object) -> int | None:
            wamid = (await connected.send(to=to, **body)).json()["messages"][0]["id"]
            await connected.business.until(lambda: {"failed", "delivered"} & set(connected.business.steps(wamid)))
            status = connected.business.updates[-1]["statuses"][0]
            return status["errors"][0]["code"] if "errors" in status else None

        await connected.control.set_standing(to, is_opted_out=True)
        await connected.business.until(lambda: any("user_preferences" in v for v in connected.business.updates))
        [preference] = connected.business.updates[-1]["user_preferences"]
        assert (preference["category"], preference["value"]) == ("marketing_messages", "stop")
        assert await failure(type="template", template=template) == 131050
        assert await failure(text={"body": "Hi"}) is None
        await connected.control.set_standing(to, is_blocking=True)
        assert await failure(text={"body": "Hi"}) == 131026


async def test_an_expired_token_is_answered_with_190() -> None:
    async with wire() as connected:
        to = await guest(connected)
        await connected.control.set_faults(graph=GraphFaults(token_error_share=1.0, only_numbers=(NUMBER_ID,)))
        refused = await connected.send(to=to, text={"body": "Hi"})
        assert (refused.status_code, await code(refused)) == (401, 190)
        await connected.control.set_faults(graph=GraphFaults(token_error_share=1.0, only_numbers=("another",)))
        assert (await connected.send(to=to, text={"body": "Hi"})).status_code == 200
