"""Facts about who signed a webhook."""

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import WrongSetting
from whatsapp.signature import is_signed_by, matching_secrets, sign

BODY = b'{"object":"whatsapp_business_account","text":"\\u00e4"}'
OLD, NEW = b"the old app secret", b"the new app secret"


def test_a_signature_is_hmac_sha256_over_the_raw_bytes() -> None:
    assert sign(body=BODY, secret=NEW) == "sha256=" + hmac.new(NEW, BODY, hashlib.sha256).hexdigest()


def test_a_known_body_has_a_known_signature() -> None:
    # RFC 4231, test case 2
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign(body=b"what do ya want for nothing?", secret=b"Jefe") == f"sha256={digest}"


def test_both_secrets_are_taken_while_one_is_rotated() -> None:
    for secret in (OLD, NEW):
        header = sign(body=BODY, secret=secret)
        assert matching_secrets(body=BODY, header=header, secrets=[OLD, NEW]) == (secret,)


def test_a_header_may_come_as_bytes_and_in_capitals() -> None:
    header = sign(body=BODY, secret=NEW)
    assert is_signed_by(body=BODY, header=header.encode(), secrets=[NEW])
    assert is_signed_by(body=BODY, header=header.upper(), secrets=[NEW])


def test_a_body_changed_in_one_byte_does_not_match() -> None:
    assert not is_signed_by(body=BODY + b" ", header=sign(body=BODY, secret=NEW), secrets=[NEW])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        b"",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        "sha256=" + "zz" * 32,
        sign(body=BODY, secret=NEW) + "0",
        sign(body=BODY, secret=NEW) + "\n",
        " " + sign(body=BODY, secret=NEW),
        sign(body=BODY, secret=NEW).removeprefix("sha256="),
        "sha256=\u0661" + "0" * 63,
    ],
)
def test_a_garbled_header_matches_nothing(header: str | bytes | None) -> None:
    assert not is_signed_by(body=BODY, header=header, secrets=[NEW])


@settings(deadline=None)
@given(st.text() | st.binary())
def test_no_header_makes_it_raise(header: str | bytes) -> None:
    assert matching_secrets(body=BODY, header=header, secrets=[NEW]) == ()


def test_an_empty_secret_signs_nothing_and_matches_nothing() -> None:
    forged = "sha256=" + hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    assert not is_signed_by(body=BODY, header=forged, secrets=[b"", NEW])
    with pytest.raises(WrongSetting):
        sign(body=BODY, secret=b"")
