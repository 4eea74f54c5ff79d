"""The master key from a file: its owner alone may read it, and nothing else says the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.errors import Misconfigured
from portal.settings import load, refuse_unsafe

KEY = "0123456789abcdef0123456789abcdef"
URL = {
    "BANDO_PUBLIC_URL": "https://wifi.example.co.ke",
    "BANDO_DATA_PROTECTION_CONTACT": "privacy@example.co.ke",
}


def key_file(tmp_path: Path, content: bytes = KEY.encode() + b"\n", mode: int = 0o600) -> dict[str, str]:
    """The settings that name a new file with this content."""
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(mode)
    return {**URL, "BANDO_SECRET_KEY_FILE": str(path)}


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_the_key_of_a_file_is_used_without_its_line_feed(tmp_path: Path, mode: int) -> None:
    settings = load(key_file(tmp_path, mode=mode))

    refuse_unsafe(settings)
    assert settings.secret_key == KEY
    assert KEY not in repr(settings)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_may_use_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Misconfigured, match=r"chmod 600 .*master\.key") as refused:
        load(key_file(tmp_path, mode=mode))

    assert KEY not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xff\xfe" * 40])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Misconfigured, match="BANDO_SECRET_KEY_FILE"):
        load(key_file(tmp_path, content))


def test_a_short_key_is_refused_wherever_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="shorter than 32"):
        refuse_unsafe(load(key_file(tmp_path, b"hunter2")))


@pytest.mark.parametrize("name", ["missing.key", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="BANDO_SECRET_KEY_FILE"):
        load({**URL, "BANDO_SECRET_KEY_FILE": str(tmp_path / name)})


def test_two_keys_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="both set"):
        load({**key_file(tmp_path), "BANDO_SECRET_KEY": KEY})


def test_an_env_file_may_name_the_file(tmp_path: Path) -> None:
    named = tmp_path / "bando.env"
    named.write_text("".join(f"{name}={value}\n" for name, value in key_file(tmp_path).items()))

    assert load({}, named).secret_key == KEY
