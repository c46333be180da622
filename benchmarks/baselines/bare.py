"""The obvious program: FastAPI and asyncpg, one INSERT a message, 200 after the commit. No batching, no encryption.

It checks the signature as ours does and keeps every message of the body under a unique id, so that it promises the
same for what it accepts: durable, once. Run it with `python -m benchmarks.baselines.bare PORT`; BARE_DATABASE_URL
(`postgresql+asyncpg://…`, of any database on the server) and BARE_SECRET stand in the environment.
"""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy.engine import make_url

from whatsapp.signature import SIGNATURE_HEADER, is_signed_by

DATABASE = "bench_bare"
POOL = 16  # connections; with one core for the server, more only wait for each other
_TABLE = """
    CREATE TABLE IF NOT EXISTS messages (
        wamid text PRIMARY KEY, phone_number_id text NOT NULL, body jsonb NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now()
    )
"""
_INSERT = "INSERT INTO messages (wamid, phone_number_id, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


def create_app(database_url: str, secret: bytes) -> FastAPI:
    """Give the application; it makes its own database and table when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await _make_database(database_url)
        async with asyncpg.create_pool(
            **_address(database_url), database=DATABASE, min_size=POOL, max_size=POOL, command_timeout=30
        ) as pool:
            await pool.execute(_TABLE)
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/webhooks/whatsapp")
    async def receive(request: Request) -> Response:
        body = await request.body()
        if not is_signed_by(body=body, header=request.headers.get(SIGNATURE_HEADER), secrets=[secret]):
            return Response(status_code=401)
        for number, message in _messages(json.loads(body)):
            await request.app.state.pool.execute(_INSERT, message["id"], number, json.dumps(message))
        return Response("ok")

    return app


def _messages(payload: Any) -> list[tuple[str, Any]]:
    return [
        (change["value"]["metadata"]["phone_number_id"], message)
        for entry in payload["entry"]
        for change in entry["changes"]
        for message in change["value"].get("messages", [])
    ]


async def _make_database(url: str) -> None:
    connection = await asyncpg.connect(**_address(url), database="postgres", timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def _address(url: str) -> dict[str, Any]:
    parts = make_url(url)
    host = parts.host or parts.query["host"]
    return {"user": parts.username, "password": parts.password, "host": host, "port": parts.port}


def main() -> None:
    """Serve on 127.0.0.1 until told to stop."""
    app = create_app(os.environ["BARE_DATABASE_URL"], os.environ["BARE_SECRET"].encode())
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
