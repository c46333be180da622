"""Webhook bodies as Meta posts them, for what the simulator never does: repeats, batches, forgeries, malformed ones."""

import json
import time
from typing import Any
from uuid import uuid4

import httpx2

from tests.acceptance.house import House
from tests.acceptance.shop import SHOP
from whatsapp.signature import SIGNATURE_HEADER, sign

Json = dict[str, Any]
POST_LIMIT_S = 20.0


def wamid() -> str:
    """An id that no other message has."""
    return f"wamid.{uuid4().hex}"


def message(phone: str | None, text: str, **fields: Any) -> Json:
    """One element of `messages`."""
    whole: Json = {"id": wamid(), "timestamp": str(int(time.time())), "type": "text", "text": {"body": text}}
    return {**whole, **({} if phone is None else {"from": phone}), **fields}


def change(*messages: Any, number: str | None = SHOP.number) -> Json:
    """One element of `changes`; without a number its `metadata` is missing."""
    metadata = {"display_phone_number": "15550100042", "phone_number_id": number}
    value: Json = {"messaging_product": "whatsapp", "messages": list(messages)}
    return {"field": "messages", "value": value if number is None else {**value, "metadata": metadata}}


def body(*changes: Any) -> bytes:
    """One POST."""
    entry = {"id": "800000000000001", "changes": list(changes)}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


async def post(house: House, content: bytes, signature: str | None = None, secret: str = SHOP.app_secret) -> Any:
    """Post bytes, signed unless a signature is given; an empty one is left out."""
    signed = sign(body=content, secret=secret.encode()) if signature is None else signature
    headers = {"Content-Type": "application/json", **({SIGNATURE_HEADER: signed} if signed else {})}
    async with httpx2.AsyncClient(trust_env=False, timeout=POST_LIMIT_S) as client:
        return await client.post(house.webhook, content=content, headers=headers)
