"""Whose secrets sign for whom, on a real PostgreSQL."""

import asyncio

import pytest

from store.accounts import Accounts, App, AppOfAnother, NoSuchAccount
from tests.factories import Business, fresh, make_business

pytestmark = pytest.mark.postgres


@pytest.fixture
async def other(business: Business) -> Business:
    return await make_business(business.database, business.keyring)


def accounts_of(business: Business) -> Accounts:
    return Accounts(business.database, business.keyring)


async def add_number(business: Business, name: str, *secrets: bytes, verify_token: str = "verify") -> None:  # noqa: S107
    await accounts_of(business).add_number(
        tenant_id=business.tenant.id,
        phone_number_id=fresh("80000"),
        display_phone_number="15550100000",
        portfolio=business.portfolio,
        app=App(name=name, secrets=secrets, verify_token=verify_token),
        access_token="token",
    )


async def secrets_of(business: Business, name: str) -> tuple[bytes, ...]:
    apps, _ = await accounts_of(business).signers()
    return apps[name].secrets


async def test_nobody_replaces_the_secrets_of_an_app_that_serves_another_tenant(
    business: Business, other: Business
) -> None:
    name = fresh("app-")
    await add_number(business, name, b"theirs")
    before = await accounts_of(business).numbers()
    with pytest.raises(AppOfAnother, match=name):
        await add_number(other, name, b"ours")
    with pytest.raises(AppOfAnother, match=name):
        await add_number(other, name, b"theirs", verify_token="another")
    assert await secrets_of(business, name) == (b"theirs",)
    assert await accounts_of(business).numbers() == before


async def test_two_who_add_the_same_new_app_at_once_do_not_both_succeed(business: Business, other: Business) -> None:
    name = fresh("app-")
    results = await asyncio.gather(
        add_number(business, name, b"one"), add_number(other, name, b"two"), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["AppOfAnother", "NoneType"]


async def test_an_app_serves_several_tenants_whose_operator_knows_its_secret(
    business: Business, other: Business
) -> None:
    name = fresh("app-")
    await add_number(business, name, b"newer", b"older")
    await add_number(other, name, b"newer")
    assert await secrets_of(business, name) == (b"newer", b"older")


async def test_a_tenants_own_app_has_the_secrets_that_were_given_last(business: Business) -> None:
    name = fresh("app-")
    await add_number(business, name, b"one")
    await add_number(business, name, b"two")
    assert await secrets_of(business, name) == (b"two",)


async def test_a_rotated_secret_comes_first_and_the_one_before_signs_on(business: Business) -> None:
    name, accounts = fresh("app-"), accounts_of(business)
    await add_number(business, name, b"first")
    await accounts.rotate_secret(name, b"second")
    assert await secrets_of(business, name) == (b"second", b"first")
    await accounts.rotate_secret(name, b"second")  # given twice
    assert await secrets_of(business, name) == (b"second", b"first")
    await accounts.rotate_secret(name, b"third")
    assert await secrets_of(business, name) == (b"third", b"second")
    await accounts.rotate_secret(name, b"fourth", forget_old=True)
    assert await secrets_of(business, name) == (b"fourth",)


async def test_a_secret_of_an_app_that_nobody_has_is_refused(business: Business) -> None:
    with pytest.raises(NoSuchAccount, match="numbers list"):
        await accounts_of(business).rotate_secret("nothing", b"secret")
