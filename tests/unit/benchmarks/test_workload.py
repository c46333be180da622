"""Bodies are signed, understood by the parser, told apart by their ids, and the same for the same seed."""

import pytest

from benchmarks.workload import BATCH_BYTES, KINDS, UPDATES, Line, SignedBody, Workload
from models.message import WebhookUpdates
from whatsapp.inbound import decode_body, parse_updates
from whatsapp.signature import SIGNATURE_HEADER, is_signed_by

LINES = [
    Line(phone_number_id=f"70{at}", digits=f"1555020000{at}", waba_id="waba", app_secret="a secret") for at in range(4)
]
MOST_BODY_BYTES = 3 * 1024 * 1024


def workload(seed: int = 7) -> Workload:
    return Workload(seed, LINES)


def parsed(signed: SignedBody) -> WebhookUpdates:
    return parse_updates(decode_body(signed.body))


def test_a_body_is_signed_as_meta_signs() -> None:
    signed = workload().text("leg", 0)
    assert is_signed_by(body=signed.body, header=signed.headers[SIGNATURE_HEADER], secrets=[b"a secret"])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (workload(seed).text("leg", 3) for seed in (7, 7, 8))
    assert first == again
    assert first.ids != other.ids


def test_no_two_messages_have_the_same_id() -> None:
    bodies = [*workload().texts("one", 300), *workload().texts("two", 300)]
    assert len({wamid for body in bodies for wamid in body.ids}) == 600


def test_texts_go_to_all_numbers_alike() -> None:
    numbers = [parsed(body).messages[0].phone_number_id for body in workload().texts("leg", 8)]
    assert numbers == ["700", "701", "702", "703"] * 2


def test_a_text_is_one_message_that_is_understood() -> None:
    signed = workload().text("leg", 0)
    found = parsed(signed)
    assert [message.wamid for message in found.messages] == list(signed.ids)
    assert found.rejected == ()


def test_a_mix_holds_every_kind_and_nothing_that_is_rejected() -> None:
    found = [parsed(workload().mixed("leg", index)) for index in range(200)]
    assert all(len(updates.messages) == 1 and not updates.rejected for updates in found)
    assert {message.kind.value for updates in found for message in updates.messages} == set(KINDS)


def test_a_batch_holds_a_thousand_updates_near_the_limit_and_not_above() -> None:
    signed = workload().batch("leg", 0)
    found = parsed(signed)
    assert BATCH_BYTES - 30_000 < len(signed.body) <= BATCH_BYTES < MOST_BODY_BYTES
    assert (len(found.messages), len(found.statuses), len(found.rejected)) == (750, 250, 0)
    assert len(set(signed.ids)) == UPDATES


@pytest.mark.parametrize("updates", [4, 40])
def test_a_smaller_batch_keeps_its_share_of_statuses(updates: int) -> None:
    found = parsed(workload().batch("leg", 0, updates=updates, size_bytes=50_000))
    assert (len(found.messages), len(found.statuses)) == (updates * 3 // 4, updates // 4)
