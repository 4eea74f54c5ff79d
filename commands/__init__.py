"""The command line, by subject; `root.py` attaches it."""

from __future__ import annotations

import click

from commands import (
    accounts,
    audit,
    backup,
    db,
    imports,
    keys,
    lines,
    money,
    notices,
    operations,
    passes,
    persons,
    plans,
    print_vouchers,
    retention,
    routers,
    staff,
    tenant_moves,
    tenants,
    vouchers,
    vouchers_shown,
)


def attach(cli: click.Group) -> None:
    """Put every command on the command line."""
    for module in (
        tenants,
        tenant_moves,
        plans,
        vouchers,
        vouchers_shown,
        print_vouchers,
        routers,
        passes,
        persons,
        money,
        lines,
        accounts,
        audit,
        imports,
        retention,
        keys,
        notices,
        staff,
        operations,
        backup,
        db,
    ):
        for command in module.COMMANDS:
            cli.add_command(command)
