"""What every `InboxWriter` does: the inbox on PostgreSQL and the twin of the ingress's tests alike."""

import pytest
from sqlalchemy.exc import DBAPIError

from deployments.ingress import InboxWriter
from models.errors import StoreUnavailable
from models.message import InboundMessage, MessageKind, WebhookUpdates
from security.keyring import Keyring
from store.database import Database
from store.inbox import Inbox
from tests.factories import fresh, inbound, wamid
from tests.twins.inbox import TwinInbox

NOT_STORABLE = "wamid.refused"


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "twin"])
def inbox(request: pytest.FixtureRequest, keyring: Keyring) -> InboxWriter:
    return Inbox(request.getfixturevalue("database"), keyring) if request.param == "postgres" else TwinInbox()


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "twin"])
async def away(request: pytest.FixtureRequest, keyring: Keyring) -> InboxWriter:
    """One whose database does not answer."""
    if request.param == "postgres":
        return Inbox(Database("postgresql+asyncpg://nobody@127.0.0.1:9/none", name="tests", pool_size=1), keyring)
    twin = TwinInbox()
    twin.is_away = True
    return twin


def body(*messages: InboundMessage) -> WebhookUpdates:
    return WebhookUpdates(messages=messages)


async def test_a_receipt_tells_how_many_came_and_what_was_new(inbox: InboxWriter) -> None:
    number = fresh("n")
    texts = [inbound(phone_number_id=number) for _ in range(2)]
    image = inbound(phone_number_id=number, kind=MessageKind.IMAGE)
    receipt = await inbox.receive([body(*texts), body(image)])
    assert (receipt.messages, receipt.repeated) == (3, 0)
    assert dict(receipt.new) == {MessageKind.TEXT: 2, MessageKind.IMAGE: 1}


async def test_what_comes_again_is_nothing_new(inbox: InboxWriter) -> None:
    message = inbound(phone_number_id=fresh("n"))
    await inbox.receive([body(message)])
    receipt = await inbox.receive([body(message, inbound(phone_number_id=message.phone_number_id))])
    assert (receipt.messages, receipt.repeated) == (2, 1)


async def test_what_comes_twice_in_one_commit_is_new_once(inbox: InboxWriter) -> None:
    message = inbound(phone_number_id=fresh("n"))
    receipt = await inbox.receive([body(message, message), body(message)])
    assert (receipt.messages, receipt.repeated) == (3, 2)


async def test_the_same_wamid_at_another_number_is_another_message(inbox: InboxWriter) -> None:
    same = wamid()
    receipt = await inbox.receive([body(*(inbound(phone_number_id=fresh("n"), wamid=same) for _ in range(2)))])
    assert receipt.repeated == 0


async def test_a_body_without_messages_is_taken(inbox: InboxWriter) -> None:
    receipt = await inbox.receive([body()])
    assert (receipt.messages, receipt.repeated) == (0, 0)


async def test_a_group_with_one_that_cannot_be_kept_is_not_kept_at_all(inbox: InboxWriter) -> None:
    good = inbound(phone_number_id=fresh("n"))
    bad = inbound(phone_number_id="a number\x00", wamid=NOT_STORABLE)  # PostgreSQL takes no NUL in a text
    if isinstance(inbox, TwinInbox):
        inbox.refuses = NOT_STORABLE
    with pytest.raises((ValueError, DBAPIError)):
        await inbox.receive([body(good), body(bad)])
    assert (await inbox.receive([body(good)])).repeated == 0


async def test_what_could_not_be_read_is_set_aside(inbox: InboxWriter) -> None:
    await inbox.quarantine("no valid JSON", b"\x00{")


async def test_a_store_that_is_away_is_a_retryable_error(away: InboxWriter) -> None:
    with pytest.raises(StoreUnavailable):
        await away.receive([body(inbound())])
    with pytest.raises(StoreUnavailable):
        await away.quarantine("no valid JSON", b"{")
