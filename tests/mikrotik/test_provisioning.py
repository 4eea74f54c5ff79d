"""The set-up script, run by the sandbox router's console."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from portal.mikrotik.provisioning import ScriptOptions, files, script
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import import_rsc
from tests.sandbox.routeros import make_router

OPTIONS = ScriptOptions(
    interface="ether2",
    site='Duka "la" $Mama',
    portal_url="https://portal.example.co.ke",
    router_public="k3-r7",
    management="127.0.0.1",
    api_password="correct horse battery $1",
)
VERSIONS = ("7.20.8", "7.4", "6.49.21")


def options_for(version: str, **changes: Any) -> ScriptOptions:
    return replace(OPTIONS, version=6 if version.startswith("6") else 7, **changes)


def empty_router(version: str = "7.23.4") -> SandboxRouter:
    router, _ = make_router(version, hotspot=False)
    return router


def fetch(url: str) -> bytes:
    start, name = url.rsplit("/", 1)
    assert start == f"{OPTIONS.portal_url}/router-files/{OPTIONS.router_public}"
    return files(OPTIONS.portal_url, OPTIONS.router_public)[name]


def set_up(router: SandboxRouter, options: ScriptOptions | None = None) -> list[str]:
    options = options or options_for(router.version_text)
    return import_rsc(router, script(options), fetch=fetch)


def state(router: SandboxRouter) -> dict[str, Any]:
    """Every table but the log, and every file."""
    shown = {
        path: [table.view(row) for row in table.rows.values()]
        for path, table in router.tables.items()
        if path not in ("/log", "/file")
    }
    return {**shown, "files": dict(router.files)}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_router_is_set_up_and_a_second_import_changes_nothing(version: str) -> None:
    router = empty_router(version)
    first = set_up(router)
    before = state(router)
    second = set_up(router)

    assert "bando: everything is in place" in first
    assert "bando: everything is in place" in second
    assert state(router) == before
