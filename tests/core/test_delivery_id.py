from __future__ import annotations

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.delivery_id import Identity

TEXT = st.text(max_size=40)
PARTS = st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT)


@given(secret=st.binary(max_size=100), parts=PARTS)
def test_an_id_is_the_first_26_characters_of_base32_of_the_hmac(
    secret: bytes, parts: tuple[str, str, str, str, str]
) -> None:
    message = "".join(f"{len(part)}:{part}" for part in parts).encode()
    expected = base64.b32encode(hmac.digest(secret, message, "sha256"))[:26].decode()
    assert Identity([("1", secret)]).delivery_id(*parts) == expected


@given(one=PARTS, other=PARTS)
def test_different_deliveries_have_different_ids(
    one: tuple[str, str, str, str, str], other: tuple[str, str, str, str, str]
) -> None:
    identity = Identity([("1", b"secret")])
    assert (identity.delivery_id(*one) == identity.delivery_id(*other)) == (one == other)


def test_parts_that_join_to_the_same_text_have_different_ids() -> None:
    identity = Identity([("1", b"secret")])
    assert identity.delivery_id("ab", "c", "t", "email", "x") != identity.delivery_id("a", "bc", "t", "email", "x")


def test_a_new_key_makes_new_ids_and_the_old_ones_stay_known() -> None:
    parts = ("event", "user", "type", "email", "a@example.com")
    old = Identity([("1", b"old")]).delivery_id(*parts)
    rotated = Identity([("2", b"new"), ("1", b"old")])
    assert rotated.delivery_id(*parts) != old
    assert rotated.known_ids(*parts) == (rotated.delivery_id(*parts), old)


def test_an_identity_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Identity([])
