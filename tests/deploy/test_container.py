"""The container: everything in it is pinned, nothing in it is secret, and it may do no more than it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_manual import found

HOME = Path(__file__).parents[2]
FILES = HOME / "deploy" / "container"
CONTAINERFILE = (FILES / "Containerfile").read_text()
COMPOSE = (FILES / "compose.yaml").read_text()
PINNED = re.compile(r"[\w./:-]+@sha256:[0-9a-f]{64}")


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction of a Containerfile with its arguments; continued lines are joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def unpinned(text: str) -> list[str]:
    """Images that are not named by a digest, and libraries that are installed without their hashes."""
    known, wrong = dict[str, str](), []
    for word, rest in instructions(text):
        if word == "ARG":
            name, _, value = rest.partition("=")
            known[f"${{{name}}}"] = value
        elif word == "FROM":
            image = rest.split()[0]
            wrong += [] if PINNED.fullmatch(known.get(image, image)) else [rest]
        elif word == "RUN":
            wrong += [
                each
                for each in re.findall(r"pip install [^&]*", rest)
                if "--require-hashes" not in each and "--no-deps --no-build-isolation --editable ." not in each
            ]
            wrong += re.findall(r"(?:apt-get|apk|curl|wget)[^&]*", rest)
    return wrong


def test_only_pinned_things_are_in_the_image() -> None:
    assert unpinned(CONTAINERFILE) == []


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.11-slim",
        "ARG PYTHON=python:3.11\nFROM ${PYTHON} AS build",
        "FROM scratch\nRUN pip install uvicorn",
        f"FROM x@sha256:{'0' * 64}\nRUN apt-get install -y curl",
    ],
)
def test_what_is_not_pinned_would_be_noticed(text: str) -> None:
    assert unpinned(text) != []


def test_every_file_that_is_copied_exists_and_is_let_through() -> None:
    ignored = (FILES / "Containerfile.dockerignore").read_text().split()
    copied = [name for word, rest in instructions(CONTAINERFILE) if word == "COPY" and "--from" not in rest
              for name in rest.split()[:-1]]  # fmt: skip
    assert [each for each in copied if not (HOME / each).exists()] == []
    assert [each for each in copied if f"!{each}" not in ignored] == []
    assert ignored[0] == "*"
    modules = {f"{name}.py" for name in re.findall(r'"(\w+)"', _py_modules())}
    assert modules <= set(copied)


def _py_modules() -> str:
    match = re.search(r"py-modules = \[(.*)\]", (HOME / "pyproject.toml").read_text())
    assert match is not None
    return match[1]


def test_it_runs_without_rights_and_says_when_it_is_well() -> None:
    last = CONTAINERFILE[CONTAINERFILE.rindex("FROM ") :]
    said = dict(instructions(last))
    assert said["USER"] == "10001:10001"
    assert "/readyz" in said["HEALTHCHECK"]
    assert said["ENTRYPOINT"] == '["bando"]'
    assert found("serve") is not None


# --- compose ---


def services(text: str) -> dict[str, str]:
    """The text of each service."""
    block = re.search(r"(?ms)^services:\n(.*?)(?=^\w)", text)
    assert block is not None
    parts = re.split(r"(?m)^  (\w+):\n", block[1])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def secrets_in(text: str) -> list[str]:
    """Lines that give a password, a key or a token by its value."""
    return [
        line.strip()
        for line in text.splitlines()
        if re.search(r"(?i)(password|secret|token|key)\w*\s*[:=]\s*[^\s\[{]", line)
        and not re.search(r"(?i)_FILE\s*[:=]\s*/run/secrets/", line)
        and not line.lstrip().startswith("#")
    ] + re.findall(r"\w+://\w+:[^@/\s]+@", text)


@pytest.mark.parametrize("name", ["compose.yaml", "bando.env.example", "migrate.env.example"])
def test_no_secret_stands_in_these_files(name: str) -> None:
    assert secrets_in((FILES / name).read_text()) == []


@pytest.mark.parametrize(
    "text", ["POSTGRES_PASSWORD: hunter2", "BANDO_SECRET_KEY=abc", "DATABASE_URL=postgresql://bando_app:5f0c@db/bando"]
)
def test_a_secret_would_be_noticed(text: str) -> None:
    assert secrets_in(text) != []


def test_secrets_are_files() -> None:
    block = COMPOSE[COMPOSE.rindex("\nsecrets:\n") :]
    assert set(re.findall(r"file: (\S+)", block)) == {"secrets/master.key", "secrets/pgpass", "secrets/postgres"}
    assert "secrets" in (HOME / ".gitignore").read_text()


def test_every_service_is_read_only_and_without_rights() -> None:
    common = COMPOSE[COMPOSE.index("x-bando:") : COMPOSE.index("\nservices:")]
    for name, text in services(COMPOSE).items():
        whole = text + (common if "<<: *bando" in text else "")
        assert "read_only: true" in whole, name
        assert "cap_drop: [ALL]" in whole, name
        assert "no-new-privileges:true" in whole, name
    assert 'user: "10001:10001"' in common


def test_images_are_named_by_whoever_runs_them_and_ports_are_the_machines_own() -> None:
    assert [each for each in re.findall(r"(?m)^ +image: (.*)", COMPOSE) if not each.startswith("${")] == []
    ports = re.findall(r'ports: \["([^"]+)"', COMPOSE)
    assert ports
    assert all(each.startswith("127.0.0.1:") for each in ports)


def test_commands_of_the_services_exist() -> None:
    commands = re.findall(r'command: \["(\w+)"', COMPOSE)
    assert "serve" in commands
    assert [each for each in commands if each != "postgres" and found(each) is None] == []


@pytest.mark.parametrize("name", ["bando.env.example", "migrate.env.example"])
def test_settings_of_the_examples_exist(name: str) -> None:
    known = set(re.findall(r"^### (\w+)$", (HOME / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert set(re.findall(r"^([A-Z_]+)=", (FILES / name).read_text(), re.MULTILINE)) - known == set()
