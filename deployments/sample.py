"""Loads a business from a folder such as `samples/faro-y-ruta`, and introduces numbers to the simulator.

One rule: the secrets of a sample number are random, made here, and known to the simulator and the store only.
"""

import asyncio
import hashlib
import secrets
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from deployments.settings import ROOT
from models.conversation import Tenant
from models.errors import MachineFailed, WrongSetting
from models.passage import DocumentState
from store.accounts import Accounts, App, Number
from store.documents import DocumentRecord, Documents
from whatsapp.simulator.client import SimulatorClient

DEFAULT_SAMPLE = ROOT / "samples" / "faro-y-ruta"
INDEX_LIMIT_S = 300.0

Say = Callable[[str], None]


def read_business(folder: Path) -> Mapping[str, Any]:
    """Give what `business.yaml` says; `samples/README.md` documents it.

    Raises:
        WrongSetting: the folder holds no business.
    """
    try:
        business = yaml.safe_load((folder / "business.yaml").read_text())
        _ = business["slug"], business["name"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise WrongSetting(
            f"{folder} holds no business: it needs a business.yaml with slug and name, and a folder documents/ "
            "(samples/README.md shows how)."
        ) from None
    found: Mapping[str, Any] = business
    return found


async def add_sample(
    accounts: Accounts, documents: Documents, simulator: SimulatorClient, folder: Path, callback_url: str, say: Say
) -> Number:
    """Make the tenant, its number and its documents, and give the number; what is there already is kept.

    Raises:
        WrongSetting: the folder holds no business.
        MachineFailed: its documents were not indexed in time.
    """
    business = read_business(folder)
    languages = [str(language) for language in business.get("languages", ["en"])]
    tenant = await accounts.add_tenant(str(business["slug"]), str(business["name"]), languages)
    if all(number.tenant_slug != tenant.slug for number in await accounts.numbers()):
        await _add_number(accounts, tenant)
    await introduce_numbers(accounts, simulator, callback_url)
    await _add_documents(documents, tenant, folder / "documents", say)
    return next(number for number in await accounts.numbers() if number.tenant_slug == tenant.slug)


async def introduce_numbers(accounts: Accounts, simulator: SimulatorClient, callback_url: str) -> None:
    """Tell a simulator, which remembers nothing, of all numbers; it verifies the callback URL of each.

    Raises:
        SimulatorRefused: the verification failed.
    """
    known = {number["phone_number_id"] for number in await simulator.numbers()}
    apps, _ = await accounts.signers()
    names = {tenant.slug: tenant.name for tenant in await accounts.tenants()}
    for number in await accounts.numbers():
        if number.phone_number_id not in known:
            app = apps[number.app_name]
            await simulator.add_number(
                phone_number_id=number.phone_number_id,
                display_phone_number=number.display_phone_number,
                waba_id=f"waba-{number.tenant_slug}",
                name=names[number.tenant_slug],
                access_token=await accounts.access_token(number.phone_number_id),
                app_secret=app.secrets[0].decode(),
                verify_token=app.verify_token,
                callback_url=callback_url,
            )


async def wait_until_indexed(documents: Documents, tenant: Tenant, say: Say) -> list[DocumentRecord]:
    """Return all documents of a tenant once none waits any more.

    Raises:
        MachineFailed: some still wait after 5 minutes.
    """
    told = -1
    try:
        async with asyncio.timeout(INDEX_LIMIT_S):
            while True:
                found = await documents.of_tenant(tenant.id)
                waiting = [document for document in found if document.state is DocumentState.RECEIVED]
                if not waiting:
                    return found
                if len(waiting) != told:
                    say(f"reading documents: {len(found) - len(waiting)} of {len(found)}")
                    told = len(waiting)
                await asyncio.sleep(0.25)
    except TimeoutError:
        raise MachineFailed(f"documents were not indexed after {INDEX_LIMIT_S:.0f} s") from None


async def _add_number(accounts: Accounts, tenant: Tenant) -> None:
    # The same id for the same business, so that chats of another day find it again; 555 numbers belong to nobody.
    mark = zlib.crc32(tenant.slug.encode())
    app = App(
        name=f"sample-{tenant.slug}",
        secrets=(secrets.token_hex(16).encode(),),
        verify_token=secrets.token_urlsafe(16),
    )
    await accounts.add_number(
        tenant_id=tenant.id,
        phone_number_id=f"1{mark:014d}",
        display_phone_number=f"+1 555 {mark % 10_000_000:07d}",
        portfolio=f"portfolio-{tenant.slug}",
        app=app,
        access_token=f"sample-{secrets.token_urlsafe(32)}",
    )


async def _add_documents(documents: Documents, tenant: Tenant, folder: Path, say: Say) -> None:
    await _send_changed(documents, tenant, folder)
    found = await wait_until_indexed(documents, tenant, say)
    for document in found:
        if document.state is DocumentState.REJECTED:
            say(f"{document.name} could not be read: {document.reason}")
    say(f"{tenant.name}: {len(found)} documents, {sum(document.passage_count for document in found)} passages")


async def _send_changed(documents: Documents, tenant: Tenant, folder: Path) -> None:
    """Add the files that are new, or of which the store has another content."""
    known = await documents.digests(tenant.id)
    for name, content in (await asyncio.to_thread(_read_files, folder)).items():
        if known.get(name) != hashlib.sha256(content).digest():
            await documents.add(tenant.id, name, content)


def _read_files(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name: path.read_bytes() for path in files}
