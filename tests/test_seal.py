"""Sealing: what is sealed opens in its own cell only, and look-up hashes belong to one tenant."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.seal import NotOurs, Vault, new_public, new_token, open_with, seal_with, token_hash

MASTER = b"a master key of the tests, 32 bytes and more"
HERE = {"table": "persons", "row": "a1", "column": "phone_sealed"}


@given(st.binary(max_size=200))
def test_a_sealed_value_opens_where_it_was_sealed(plain: bytes) -> None:
    vault = Vault(MASTER)

    assert vault.open(vault.seal(plain, **HERE), **HERE) == plain


@pytest.mark.parametrize(
    "elsewhere",
    [{**HERE, "row": "a2"}, {**HERE, "column": "key_sealed"}, {**HERE, "table": "routers"}],
    ids=["another row", "another column", "another table"],
)
def test_a_ciphertext_that_was_copied_elsewhere_does_not_open(elsewhere: dict[str, str]) -> None:
    vault = Vault(MASTER)
    with pytest.raises(NotOurs):
        vault.open(vault.seal(b"0712", **HERE), **elsewhere)


def test_swapped_ciphertexts_of_two_rows_do_not_open() -> None:
    vault = Vault(MASTER)
    there = {**HERE, "row": "a2"}
    one, two = vault.seal(b"one", **HERE), vault.seal(b"two", **there)
    for sealed, place in ((two, HERE), (one, there)):
        with pytest.raises(NotOurs):
            vault.open(sealed, **place)


def test_another_master_key_opens_nothing() -> None:
    sealed = Vault(MASTER).seal(b"x", **HERE)
    with pytest.raises(NotOurs):
        Vault(MASTER + b"!").open(sealed, **HERE)


@given(st.integers(min_value=0, max_value=28), st.integers(min_value=1, max_value=255))
def test_an_altered_byte_is_noticed(position: int, change: int) -> None:
    sealed = bytearray(seal_with(b"k" * 32, b"", "place"))
    sealed[position] ^= change
    with pytest.raises(NotOurs):
        open_with(b"k" * 32, bytes(sealed), "place")


@given(st.binary(max_size=40))
def test_rubbish_does_not_open(rubbish: bytes) -> None:
    with pytest.raises(NotOurs):
        open_with(b"k" * 32, rubbish, "place")


def test_the_same_value_is_sealed_differently_each_time() -> None:
    vault = Vault(MASTER)

    assert vault.seal(b"0712", **HERE) != vault.seal(b"0712", **HERE)


def test_the_index_of_a_value_differs_per_tenant_kind_and_key() -> None:
    vault = Vault(MASTER)
    made = {
        vault.index(1, "phone", "0712"),
        vault.index(2, "phone", "0712"),
        vault.index(1, "payer", "0712"),
        vault.index(1, "phone", "0713"),
        Vault(MASTER + b"!").index(1, "phone", "0712"),
    }

    assert len(made) == 5
    assert vault.index(1, "phone", "0712") in made


def test_a_router_password_is_derived_anew_and_differs_per_device_and_router() -> None:
    vault = Vault(MASTER)

    assert vault.router_password("r1", 7) == Vault(MASTER).router_password("r1", 7)
    assert len({vault.router_password("r1", 7), vault.router_password("r1", 8), vault.router_password("r2", 7)}) == 3


def test_a_token_names_its_tenant_and_holds_128_random_bits_in_hex() -> None:
    assert re.fullmatch(r"abcd\.[0-9a-f]{32}", new_token("abcd"))
    assert re.fullmatch(r"[0-9a-f]{12}", new_public())
    assert new_token("abcd") != new_token("abcd")


def test_the_database_keeps_a_hash_of_a_token() -> None:
    assert len(token_hash("abcd.00")) == 32
    assert token_hash("abcd.00") != token_hash("abce.00")
