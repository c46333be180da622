"""The store behind PgBouncer in transaction mode, where each transaction may have another connection to the server."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from models.errors import StoreUnavailable
from models.message import Sender
from security.keyring import Keyring
from store.database import Database
from store.schema import upgrade
from store.status import can_keep
from tests.factories import make_business, phone

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed (apt-get install pgbouncer)"),
]


@pytest.fixture(scope="module")
def pooled_url(postgres_server: URL, empty_database_url: str) -> Iterator[str]:
    """A URL of an empty database behind a PgBouncer with two connections to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # It refuses root, so it runs as the server's user, who can read a folder of its own alone.
    owner = pwd.getpwuid(Path(str(postgres_server.query["host"])).stat().st_uid)
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={postgres_server.query['host']} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 50\n"
    )
    for path in (folder, folder / "pgbouncer.ini"):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    identity = {} if os.geteuid() == owner.pw_uid else {"user": owner.pw_uid, "group": owner.pw_gid}
    command = [str(PGBOUNCER), str(folder / "pgbouncer.ini")]
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **identity) as process:  # type: ignore[call-overload]
        database = make_url(empty_database_url).database
        try:
            yield f"postgresql+asyncpg://postgres:@127.0.0.1:{port}/{database}?prepared_statement_cache_size=0"
        finally:
            process.terminate()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def pooled(pooled_url: str) -> Database:
    database = Database(pooled_url, name="pooled", pool_size=8)
    async with asyncio.timeout(20):
        while True:
            try:
                async with database.read() as connection:
                    await connection.execute(text("SELECT 1"))
                break
            except StoreUnavailable:  # it is still starting
                await asyncio.sleep(0.05)
    await upgrade(pooled_url)
    return database


async def test_many_turns_at_once_go_through_two_connections(pooled: Database, keyring: Keyring) -> None:
    business = await make_business(pooled, keyring)

    async def talk() -> None:
        for place in range(4):
            await business.inbox.quarantine(f"odd {place}", b"x")
            await can_keep(pooled)
            assert await pooled.gives_rows("SELECT FROM quarantine")
            await business.conversations.claim("worker", 1)

    await asyncio.gather(*(talk() for _ in range(12)))
    assert len(await business.answer("At nine.", sender=Sender(phone=phone()))) == 1
    async with pooled.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM quarantine"))).scalar_one() == 48
    await pooled.close()
