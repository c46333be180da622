"""Files in two steps, with their types, sizes and ends of life."""

import struct
import zlib

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.unit.simulator.servers import NUMBER_ID, Wire, number_fields, serving, wire
from whatsapp.simulator.media import MediaShelf
from whatsapp.simulator.samples import sample_image, sample_voice


async def upload(connected: Wire, content: bytes, mime_type: str, name: str = "file") -> httpx2.Response:
    files = {"file": (name, content, mime_type)}
    return await connected.graph.post(f"/v26.0/{NUMBER_ID}/media", data={"messaging_product": "whatsapp"}, files=files)


async def test_an_upload_is_fetched_in_two_steps_until_its_link_dies() -> None:
    now = [1_700_000_000.0]
    async with wire(clock=lambda: now[0]) as connected:
        media_id = (await upload(connected, sample_image(), "image/png")).json()["id"]
        first = (await connected.graph.get(f"/v26.0/{media_id}")).json()
        assert (first["mime_type"], first["file_size"]) == ("image/png", len(sample_image()))
        assert (await connected.graph.get(first["url"])).content == sample_image()
        now[0] += 301
        assert (await connected.graph.get(first["url"])).status_code == 404
        again = (await connected.graph.get(f"/v26.0/{media_id}")).json()
        assert (await connected.graph.get(again["url"])).status_code == 200
        now[0] += 30 * 24 * 3600
        assert (await connected.graph.get(f"/v26.0/{media_id}")).json()["error"]["error_subcode"] == 33


async def test_a_link_needs_the_token_and_cannot_be_forged() -> None:
    async with wire() as connected:
        media_id = (await upload(connected, b"text", "text/plain")).json()["id"]
        url = (await connected.graph.get(f"/v26.0/{media_id}")).json()["url"]
        async with httpx2.AsyncClient(trust_env=False) as stranger:
            assert (await stranger.get(url)).status_code == 401
        forged = url.replace(f"mid={media_id}", "mid=1")
        assert (await connected.graph.get(forged)).status_code == 404


async def test_another_businesss_token_sees_no_file_of_ours() -> None:
    async with wire() as connected:
        other = number_fields(connected.callback_url) | {"phone_number_id": "2", "access_token": "other-token"}
        await connected.control.add_number(**other)
        media_id = (await upload(connected, b"text", "text/plain")).json()["id"]
        response = await connected.graph.get(f"/v26.0/{media_id}", headers={"Authorization": "Bearer other-token"})
        assert response.json()["error"]["error_subcode"] == 33


async def test_a_file_can_be_deleted() -> None:
    async with wire() as connected:
        media_id = (await upload(connected, b"text", "text/plain")).json()["id"]
        assert (await connected.graph.delete(f"/v26.0/{media_id}")).json() == {"success": True}
        assert (await connected.graph.get(f"/v26.0/{media_id}")).status_code == 400


@pytest.mark.parametrize(
    ("content", "mime_type", "code"),
    [
        (b"x", "application/x-sh", 100),
        (b"", "image/png", 131053),
        (b"x" * (5 * 1024 * 1024 + 1), "image/png", 131053),
    ],
)
async def test_a_wrong_type_or_size_is_refused(content: bytes, mime_type: str, code: int) -> None:
    async with wire() as connected:
        assert (await upload(connected, content, mime_type)).json()["error"]["code"] == code


async def test_media_goes_out_by_id_and_by_link_and_what_cannot_be_fetched_fails() -> None:
    async def picture(request: Request) -> Response:
        return Response(sample_image(), media_type="image/png")

    async with wire() as connected, serving(Starlette(routes=[Route("/a.png", picture)])) as (shop,):
        user = await connected.control.add_user("Ana")
        asked = await connected.control.send_text(user.id, NUMBER_ID, "A picture?")
        media_id = (await upload(connected, sample_voice(), "audio/ogg")).json()["id"]
        to = f"+{user.phone}"
        await connected.send(to=to, type="audio", audio={"id": media_id, "voice": True})
        await connected.control.wait_for_reply(user.id, NUMBER_ID, asked, 5)
        linked = (await connected.send(to=to, type="image", image={"link": f"{shop}/a.png"})).json()
        await connected.business.until(lambda: "delivered" in connected.business.steps(linked["messages"][0]["id"]))
        kinds = [m.kind for m in await connected.control.history(user.id, NUMBER_ID, asked)]
        assert kinds == ["audio", "image"]
        for wrong in ({"link": f"{shop}/none.png"}, {"id": media_id}):
            lost = (await connected.send(to=to, type="image", image=wrong)).json()["messages"][0]["id"]
            await connected.business.until(lambda wamid=lost: connected.business.steps(wamid) == ["failed"])
        unknown = await connected.send(to=to, type="image", image={"id": "7"})
        assert "not a valid whatsapp business account media attachment ID" in unknown.json()["error"]["message"]


def test_a_full_shelf_drops_the_oldest_file() -> None:
    shelf = MediaShelf(capacity_bytes=10)
    first, second = (shelf.add(b"x" * 6, "text/plain", None, expires_at=9.0) for _ in range(2))
    assert shelf.find(first.id, 0.0) is None
    assert shelf.find(second.id, 0.0) is second


def test_the_sample_picture_is_a_png_with_sound_checksums() -> None:
    content, at = sample_image(), 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunk, checksum = content[at + 4 : at + 8 + length], content[at + 8 + length : at + 12 + length]
        assert struct.pack(">I", zlib.crc32(chunk)) == checksum
        at += 12 + length
    assert at == len(content)


def test_the_sample_voice_note_is_ogg_with_mono_opus() -> None:
    voice = sample_voice()
    assert voice.count(b"OggS") == 3
    assert voice[28:36] == b"OpusHead"
    assert voice[37] == 1  # channels
