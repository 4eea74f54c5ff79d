"""Settings: documented, checked, and refused in one sentence when they cannot be right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from portal.errors import Misconfigured
from portal.settings import (
    MPESA_SOURCES,
    SANDBOX_CONTACT,
    SANDBOX_KEY,
    SETTINGS,
    Settings,
    load,
    read_env_file,
    refuse_unsafe,
)

HOME = Path(__file__).parent.parent
MANUAL = (HOME / "docs" / "settings.md").read_text()
KEY = "0123456789abcdef0123456789abcdef"
PRODUCTION = {
    "BANDO_SECRET_KEY": KEY,
    "BANDO_PUBLIC_URL": "https://wifi.example.co.ke",
    "BANDO_DATA_PROTECTION_CONTACT": "privacy@example.co.ke",
}
NAMES = [each.name for each in SETTINGS]


def sections() -> dict[str, str]:
    """The manual's text about each setting."""
    parts = re.split(r"^### ", MANUAL, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].strip(): re.split(r"^## ", part, flags=re.MULTILINE)[0] for part in parts}


def refusal(**environ: str) -> str:
    """The sentence with which these settings are refused; the names without their prefix."""
    with pytest.raises(Misconfigured) as refused:
        refuse_unsafe(load({**PRODUCTION, **{f"BANDO_{name}": value for name, value in environ.items()}}))
    return str(refused.value)


# --- the manual ---


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_documented_with_its_default_and_an_example(name: str) -> None:
    text = sections().get(name, "")

    assert "Default:" in text
    assert f"Example: `{name}=" in text


def test_nothing_is_documented_that_does_not_exist() -> None:
    assert sorted(sections()) == sorted(NAMES)


@pytest.mark.parametrize("setting", SETTINGS, ids=NAMES)
def test_the_documented_default_is_the_default(setting: Any) -> None:
    said = re.search(r"Default: (.*)", sections()[setting.name])
    assert said is not None

    if setting.default in (SANDBOX_KEY, MPESA_SOURCES):
        assert "`" not in said[1]
    else:
        assert said[1].startswith(f"`{setting.default}`" if setting.default else "empty")


def test_every_address_of_m_pesa_is_documented() -> None:
    text = sections()["BANDO_MPESA_SOURCES"]

    assert [each for each in MPESA_SOURCES.split() if f".{each.rsplit('.', 1)[1]}" not in text] == []
    assert len(MPESA_SOURCES.split()) == 14


@pytest.mark.parametrize("name", [each for each in NAMES if each != "BANDO_SECRET_KEY_FILE"])  # its file is not here
def test_each_documented_example_is_accepted(name: str) -> None:
    example = re.search(rf"Example: `{name}=([^`]*)`", sections()[name])
    assert example is not None

    assert load({**PRODUCTION, name: example[1]})


def test_every_name_in_the_code_that_looks_like_a_setting_is_one() -> None:
    others = {"BANDO_ENV_FILE", "BANDO_REQUIRE_BROWSER", "BANDO_CHROMIUM", "BANDO_SWEEP", "BANDO_WORKERS"}
    others.add("BANDO_TEST_ENGINE")
    files = [*HOME.glob("*.py"), *(HOME / "portal").rglob("*.py"), *(HOME / "commands").rglob("*.py")]
    named = {name for path in files for name in re.findall(r"\bBANDO_[A-Z_]+[A-Z]\b", path.read_text())}

    assert named - set(NAMES) - others == set()


# --- reading ---


def test_defaults_are_enough_for_the_sandbox() -> None:
    settings = load({"BANDO_MODE": "sandbox"})
    refuse_unsafe(settings)

    assert settings.sandbox
    assert (settings.listen_host, settings.listen_port, settings.poll_every_ms) == ("127.0.0.1", 8443, 10_000)
    assert len(settings.mpesa_sources) == 14


def test_a_production_installation_is_accepted() -> None:
    settings = load(PRODUCTION)
    refuse_unsafe(settings)

    assert not settings.sandbox


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    path = tmp_path / "bando.env"
    path.write_text("# a comment\n\nBANDO_LOG_LEVEL='debug'\nBANDO_POLL_EVERY = 7\n")
    settings = load({"BANDO_LOG_LEVEL": "error"}, path)

    assert (settings.log_level, settings.poll_every_ms) == ("error", 7_000)
    assert read_env_file(path) == {"BANDO_LOG_LEVEL": "debug", "BANDO_POLL_EVERY": "7"}


@pytest.mark.parametrize(
    ("text", "host", "port"), [("0.0.0.0:443", "0.0.0.0", 443), ("[::]:8443", "::", 8443), ("portal:80", "portal", 80)]
)
def test_where_to_listen(text: str, host: str, port: int) -> None:
    settings = load({"BANDO_LISTEN": text})

    assert (settings.listen_host, settings.listen_port) == (host, port)


def test_lists_of_addresses_take_spaces_and_commas() -> None:
    settings = load({"BANDO_TRUSTED_PROXIES": "127.0.0.1, ::1 10.0.0.1"})

    assert settings.trusted_proxies == {"127.0.0.1", "::1", "10.0.0.1"}


# --- refusing ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODE", "prod"),
        ("PUBLIC_URL", "wifi.example.co.ke"),
        ("PUBLIC_URL", "https://wifi.example.co.ke/portal"),
        ("PUBLIC_URL", "ftp://wifi.example.co.ke"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "https://wifi.example.co.ke:port"),
        ("LISTEN", "8443"),
        ("LISTEN", "127.0.0.1:99999"),
        ("LISTEN", "127.0.0.1:https"),
        ("TRUSTED_PROXIES", "proxy.local"),
        ("MPESA_SOURCES", "196.201.214.0/24"),
        ("MPESA_SOURCE_MODE", "strict"),
        ("MPESA_QUERY_EVERY", "0"),
        ("POLL_EVERY", "-1"),
        ("POLL_EVERY", "ten"),
        ("POLL_EVERY", "１０"),
        ("POLL_EVERY_LARGE", "1.5"),
        ("PROMPTS_PHONE", ""),
        ("PROMPTS_TENANT", "99999999999"),
        ("LOG_LEVEL", "loud"),
        ("NONSENSE", "1"),
        ("TLS_CERT", "/etc/cert.pem"),
        ("TLS_KEY", "/etc/key.pem"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", SANDBOX_KEY),
        ("PUBLIC_URL", "http://wifi.example.co.ke"),
        ("CLOCK_FILE", "clock"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_in_one_sentence_that_names_it(name: str, value: str) -> None:
    sentence = refusal(**{name: value})

    assert f"BANDO_{name}" in sentence
    assert sentence.count("\n") == 0
    assert len(sentence) < 160


def test_a_secret_is_never_in_the_sentence() -> None:
    assert "hunter2" not in refusal(SECRET_KEY="hunter2")


def test_a_misspelt_setting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bando.env"
    path.write_text("BANDO_DATABSE=x\n")
    with pytest.raises(Misconfigured, match="BANDO_DATABSE is not a setting"):
        load({}, path)


@pytest.mark.parametrize("content", [b"BANDO_MODE\n", b"\xff\xfe\x00", None])
def test_an_env_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bando.env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"bando\.env"):
        load({}, path)


def test_a_folder_is_no_env_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="env file"):
        load({}, tmp_path)


@pytest.mark.parametrize("change", [{"SECRET_KEY": SANDBOX_KEY}, {"PUBLIC_URL": "http://x.test"}, {"CLOCK_FILE": "c"}])
def test_what_production_refuses_the_sandbox_allows(change: dict[str, str]) -> None:
    given = {f"BANDO_{name}": value for name, value in change.items()}
    assert refusal(**change)

    refuse_unsafe(load({**PRODUCTION, **given, "BANDO_MODE": "sandbox"}))


@pytest.mark.parametrize(
    "contact", ["", "   ", SANDBOX_CONTACT, "privacy", "a@b", "a b@c.ke", "a@c.ke\nb@c.ke", "@c.ke"]
)
def test_production_does_not_start_without_a_data_protection_contact(contact: str) -> None:
    assert "BANDO_DATA_PROTECTION_CONTACT" in refusal(DATA_PROTECTION_CONTACT=contact)


def test_the_sandbox_has_a_data_protection_contact_by_itself() -> None:
    settings = load({"BANDO_MODE": "sandbox"})

    assert settings.data_protection_contact == SANDBOX_CONTACT


def test_settings_are_never_shown_whole() -> None:
    """A traceback or a log line that shows the settings does not show the key."""
    assert KEY not in repr(load(PRODUCTION))


def test_each_setting_is_read() -> None:
    """As many fields as settings: BANDO_LISTEN and BANDO_RADIUS_LISTEN make two each."""
    assert len(Settings.__dataclass_fields__) == len(SETTINGS) + 2
