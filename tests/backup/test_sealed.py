"""The sealed file: what was altered, cut off, moved or sealed with another key does not open."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random

import pytest

from portal.backup.sealed import MAGIC, MARK, PIECE, SALT, TAG, Unusable, read, write
from portal.seal import Pieces

KEY, OTHER = b"k" * 32, b"o" * 32
HEAD = len(MAGIC) + SALT + MARK
WHOLE = PIECE + TAG


def sealed(plain: bytes, key: bytes = KEY) -> bytes:
    file = io.BytesIO()
    write(file, key, [plain[at : at + 100_000] for at in range(0, len(plain), 100_000)])
    return file.getvalue()


def opened(file: bytes, key: bytes = KEY) -> bytes:
    return b"".join(read(io.BytesIO(file), key))


@pytest.fixture(scope="module")
def plain() -> bytes:
    """Noise, which does not compress: four pieces."""
    return Random(1).randbytes(3 * PIECE + 500_000)


@pytest.fixture(scope="module")
def file(plain: bytes) -> bytes:
    return sealed(plain)


def pieces(file: bytes) -> list[bytes]:
    return [file[at : at + WHOLE] for at in range(HEAD, len(file), WHOLE)]


@pytest.mark.parametrize("size", [0, 1, 99_999, PIECE, 20 * PIECE])
def test_what_was_written_is_read(size: int) -> None:
    assert opened(sealed(bytes(size))) == bytes(size)


def test_four_pieces_are_read(plain: bytes, file: bytes) -> None:
    assert len(pieces(file)) == 4
    assert opened(file) == plain


def test_the_last_piece_may_be_full() -> None:
    """Noise of just such a size that the compressed stream ends with a piece."""
    noise = Random(2).randbytes(PIECE)
    spare = len(pieces(sealed(noise))[0]) + len(b"".join(pieces(sealed(noise))[1:])) - 2 * TAG - PIECE
    exact = sealed(noise[: PIECE - spare])

    assert abs(len(exact) - HEAD - WHOLE) < 32
    assert opened(exact) == noise[: PIECE - spare]


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_is_noticed(file: bytes, seed: int) -> None:
    random = Random(seed)
    at = random.randrange(len(file)) if seed > 20 else random.randrange(HEAD + 40)
    altered = bytearray(file)
    altered[at] ^= 1 << random.randrange(8)

    with pytest.raises(Unusable):
        opened(bytes(altered))


@pytest.mark.parametrize("seed", range(40))
def test_a_cut_is_noticed(file: bytes, seed: int) -> None:
    with pytest.raises(Unusable):
        opened(file[: Random(seed).randrange(len(file))])


@pytest.mark.parametrize("at", [0, 3, len(MAGIC), HEAD - 1, HEAD, HEAD + 1, HEAD + TAG, HEAD + WHOLE, HEAD + 3 * WHOLE])
def test_a_cut_at_a_border_is_noticed(file: bytes, at: int) -> None:
    with pytest.raises(Unusable):
        opened(file[:at])


def test_what_was_added_is_noticed(file: bytes) -> None:
    for more in (b"\0", pieces(file)[-1], pieces(file)[0]):
        with pytest.raises(Unusable):
            opened(file + more)


Order = Callable[[list[bytes]], list[bytes]]
ORDERS: dict[str, Order] = {
    "swapped": lambda p: [p[1], p[0], *p[2:]],
    "reversed": lambda p: p[::-1],
    "one left out": lambda p: [p[0], *p[2:]],
    "one twice": lambda p: [p[0], p[0], *p[1:]],
    "the last one left out": lambda p: p[:-1],
    "the last one first": lambda p: [p[-1], *p[:-1]],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_pieces_in_another_order_are_noticed(file: bytes, order: Order) -> None:
    with pytest.raises(Unusable):
        opened(file[:HEAD] + b"".join(order(pieces(file))))


def test_a_piece_of_another_backup_is_noticed(plain: bytes, file: bytes) -> None:
    """Of the same database, with the same key: each file has a key of its own."""
    other = pieces(sealed(plain))

    with pytest.raises(Unusable):
        opened(file[:HEAD] + b"".join([*pieces(file)[:2], other[2], pieces(file)[3]]))


def test_it_is_the_number_in_the_nonce_that_notices() -> None:
    """The control: sealed under one number, two pieces could be swapped."""
    kit = Pieces(KEY, "backup", b"salt")
    careless = [kit.seal(0, text, last=False) for text in (b"one", b"two")]

    assert [kit.open(0, each, last=False) for each in careless[::-1]] == [b"two", b"one"]


def test_another_key_is_named_as_such(file: bytes) -> None:
    with pytest.raises(Unusable, match="BANDO_SECRET_KEY is not the key"):
        opened(file, OTHER)


def test_other_files_are_no_backups() -> None:
    for other in (b"", b"SQLite format 3\0" * 100, MAGIC.replace(b"1", b"2") + bytes(200)):
        with pytest.raises(Unusable, match="no backup of Bando"):
            opened(other)
