"""The road of a message: a signed webhook in, a grounded reply out at the other side, once."""

import asyncio

import pytest

from knowledge.texts import Phrase, say
from tests.acceptance.conftest import NewPhone
from tests.acceptance.house import House, until
from tests.acceptance.phone import Phone
from tests.acceptance.shop import SHOP
from tests.acceptance.watching import last_event, told_until
from tests.acceptance.webhooks import body, change, message, post

pytestmark = pytest.mark.ray

QUESTION = "Do you deliver on Saturdays?"
FACT = "between 10:00 and 14:00"


async def test_a_question_is_answered_with_the_fact_and_its_source(house: House, phone: Phone) -> None:
    asked = await phone.write(QUESTION)
    reply = await phone.reply(asked)
    assert FACT in reply.text
    turn = await house.turn(asked)
    assert turn is not None
    assert "Delivery" in turn["sources"][0]["title"]
    assert not turn["abstained"]


async def test_statuses_climb_to_read(house: House, phone: Phone) -> None:
    asked = await phone.write(QUESTION)
    reply = await phone.reply(asked)

    async def has_come(state: str) -> None:
        async def is_so() -> bool:
            return await house.sent(asked) == [state]

        await until(is_so, 30, f"the outbox knows of {state}")

    await has_come("delivered")
    await phone.simulator.mark_read(reply.wamid)
    await has_come("read")


async def test_the_user_sees_blue_ticks_before_the_reply(phone: Phone) -> None:
    asked = await phone.write(QUESTION)
    reply = await phone.reply(asked)
    assert (await phone.line(asked)).times["read"] <= reply.times["delivered"]


async def test_the_user_sees_us_typing_before_the_reply(house: House, phone: Phone) -> None:
    before = await last_event(house, phone)
    reply = await phone.reply(await phone.write(QUESTION))
    told = await told_until(house, phone, reply.wamid, after=before)
    names = [name for name, _ in told]
    assert names.count("typing") == 1
    assert names[-1] == "message"  # the reply


async def test_a_repeated_webhook_is_answered_once(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone(greeted=True)
    same = body(change(message(phone.digits, QUESTION)))
    responses = await asyncio.gather(*(post(house, same) for _ in range(5)))
    assert [response.status_code for response in responses] == [200] * 5
    await house.settled()
    assert (await post(house, same)).status_code == 200
    await house.settled()
    assert len(await _after_greeting(phone, 1)) == 1


async def test_all_users_of_a_batch_are_answered(house: House, new_phone: NewPhone) -> None:
    people = await asyncio.gather(*(new_phone(greeted=True) for _ in range(3)))
    batch = body(
        change(message(people[0].digits, QUESTION), message(people[1].digits, QUESTION)),
        change(message(people[2].digits, QUESTION)),
    )
    assert (await post(house, batch)).status_code == 200
    for answers in await asyncio.gather(*(_after_greeting(person, 1) for person in people)):
        assert FACT in answers[0]


async def test_lines_in_quick_succession_get_one_reply_that_quotes_the_last(house: House, phone: Phone) -> None:
    lines = [await phone.write(text) for text in ("Hi there", "I have a question", QUESTION)]
    reply = await phone.reply(lines[-1])
    await house.settled()
    assert len(await phone.answers()) == 1
    assert reply.reply_to == lines[-1]
    assert FACT in reply.text


async def test_a_voice_note_and_an_image_get_an_honest_phrase(phone: Phone) -> None:
    voice = await phone.simulator.send_voice(phone.user.id, SHOP.number)
    assert (await phone.reply(voice)).text == say(Phrase.VOICE_NOT_UNDERSTOOD, "en")
    image = await phone.simulator.send_image(phone.user.id, SHOP.number)
    assert (await phone.reply(image)).text == say(Phrase.IMAGE_NOT_UNDERSTOOD, "en")


async def test_a_reaction_gets_no_reply(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone(greeted=True)
    (greeting,) = await phone.answers()
    reaction = await phone.simulator.react(phone.user.id, SHOP.number, greeting.wamid, "👍")

    async def is_done() -> bool:
        return await house.turn(reaction) is not None

    await until(is_done, 30, "the reaction has been dealt with")
    await house.settled()
    assert len(await phone.answers()) == 1


async def test_an_edited_line_is_answered_by_its_new_words_and_a_deleted_one_not_at_all(
    house: House, new_phone: NewPhone
) -> None:
    edits, deletes = await asyncio.gather(new_phone(greeted=True), new_phone(greeted=True))
    slip, regret = message(edits.digits, "do you sell"), message(deletes.digits, QUESTION)
    new_words = {"original_message_id": slip["id"], "message": {"type": "text", "text": {"body": QUESTION}}}
    edit = message(edits.digits, "", type="edit", edit=new_words)
    deletion = message(deletes.digits, "", type="revoke", revoke={"original_message_id": regret["id"]})
    assert (await post(house, body(change(slip, regret, edit, deletion)))).status_code == 200
    assert FACT in (await _after_greeting(edits, 1))[0]
    await house.settled()
    assert [len(await phone.answers()) for phone in (edits, deletes)] == [2, 1]


async def test_a_user_without_a_phone_number_is_answered(new_phone: NewPhone) -> None:
    phone = await new_phone(with_phone=False)
    assert FACT in await phone.ask(QUESTION)


async def test_spanish_is_answered_in_spanish(house: House, phone: Phone) -> None:
    asked = await phone.write("hola, a qué hora abrís los sábados?")
    assert "10:00" in (await phone.reply(asked)).text
    turn = await house.turn(asked)
    assert turn is not None
    assert turn["language"] == "es"


async def test_a_follow_up_is_understood_from_what_was_said_before(phone: Phone) -> None:
    await phone.ask("how much is delivery to mainland spain")
    assert "9.90" in await phone.ask("and to the balearic islands?")


async def test_who_says_yes_to_a_person_gets_one(house: House, phone: Phone) -> None:
    assert await phone.ask("do you ship to the canary islands?") == say(Phrase.ABSTAIN, "en")
    accepted = await phone.write("yes")
    assert (await phone.reply(accepted)).text == say(Phrase.HANDOFF_ACCEPTED, "en")
    turn = await house.turn(accepted)
    assert turn is not None
    assert turn["wants_person_since"] is not None


async def _after_greeting(phone: Phone, count: int) -> list[str]:
    """What was said after the greeting, once it is at least so much."""

    async def is_said() -> bool:
        return len(await phone.answers()) > count

    await until(is_said, 60, "the question is answered")
    return [answer.text for answer in (await phone.answers())[1:]]
