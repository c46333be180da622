"""Who may sign, and how that is remembered."""

import asyncio
from collections.abc import Mapping

import pytest

from deployments.signers import ANY_APP, CachedSigners, Signers, may_sign, signing_apps
from models.errors import StoreUnavailable
from store.accounts import App
from whatsapp.signature import sign

OURS = App(name="ours", secrets=(b"new", b"old"), verify_token="v")
THEIRS = App(name="theirs", secrets=(b"their",), verify_token="v")
SIGNERS = Signers(apps={"ours": OURS, "theirs": THEIRS}, app_of_number={"1": "ours", "2": "theirs"})


class Reader:
    """Counts reads; hangs as it is told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def signers(self) -> tuple[Mapping[str, App], Mapping[str, str]]:
        self.reads += 1
        await self.may_answer.wait()
        return {"ours": OURS}, {"1": "ours"}


@pytest.mark.parametrize("secret", [b"new", b"old"])
def test_an_old_secret_still_signs_while_it_is_rotated(secret: bytes) -> None:
    assert signing_apps(b"{}", sign(body=b"{}", secret=secret), SIGNERS) == {"ours"}


@pytest.mark.parametrize(
    ("numbers", "signing", "may"),
    [
        ({"1"}, {"ours"}, True),
        ({"2"}, {"ours"}, False),
        ({"1", "2"}, {"ours"}, False),
        ({"1", "2"}, {"ours", "theirs"}, True),
        ({"1", "unknown"}, {"ours"}, True),
        ({"1", "2"}, {ANY_APP}, True),
    ],
)
def test_every_known_number_must_belong_to_who_signed(numbers: set[str], signing: set[str], may: bool) -> None:
    assert may_sign(frozenset(numbers), frozenset(signing), SIGNERS) is may


async def test_a_burst_of_requests_reads_once() -> None:
    reader = Reader()
    cached = CachedSigners(reader, THEIRS)
    found = await asyncio.gather(*(cached.current(fresh=True) for _ in range(50)))
    assert reader.reads == 1
    assert found[0].apps[ANY_APP] is THEIRS


async def test_requests_do_not_queue_up_behind_a_stuck_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CachedSigners, "LIMIT_S", 0.05)
    reader = Reader()
    reader.may_answer.clear()
    cached = CachedSigners(reader, None)
    async with asyncio.timeout(1):
        answers = await asyncio.gather(*(cached.current() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    reader.may_answer.set()
    assert "ours" in (await cached.current()).apps
