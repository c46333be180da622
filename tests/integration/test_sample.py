"""A business's folder, sent again after its files have changed, on a real PostgreSQL."""

from pathlib import Path

import pytest

from deployments.sample import _send_changed
from models.passage import DocumentState
from store.documents import Documents
from tests.factories import Business

pytestmark = pytest.mark.postgres


async def test_only_files_with_another_content_are_read_again(business: Business, tmp_path: Path) -> None:
    documents = Documents(business.database)
    for name in ("hours.md", "prices.md"):
        (tmp_path / name).write_text("first")

    async def waiting() -> dict[str, bytes]:
        """Send the folder, and let an indexer read what then waits."""
        await _send_changed(documents, business.tenant, tmp_path)
        claims = await documents.claim("indexer", 10)
        for claim in claims:
            await documents.indexed(claim, claim.name, [])
        return {claim.name: claim.content for claim in claims}

    assert await waiting() == {"hours.md": b"first", "prices.md": b"first"}
    assert await waiting() == {}
    (tmp_path / "hours.md").write_text("second")
    assert await waiting() == {"hours.md": b"second"}
    await documents.remove(business.tenant.id, "prices.md")
    assert await waiting() == {"prices.md": b"first"}
    states = {record.name: record.state for record in await documents.of_tenant(business.tenant.id)}
    assert states == dict.fromkeys(("hours.md", "prices.md"), DocumentState.INDEXED)
