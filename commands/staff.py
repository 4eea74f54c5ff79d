"""bando staff add/list/reset/second-off/off/on: who may use the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from commands.ground import Ground, run, secret_of, table, tenant_option
from portal.audit import store as audit
from portal.errors import Misconfigured, Refused
from portal.settings import Settings
from portal.staff import passwords, roles, store
from portal.staff.store import Staff
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit

T = TypeVar("T")

SENTENCES = {
    "staff-email": "That is no e-mail address; write it like name@example.co.ke.",
    "staff-email-taken": "There is an account with this e-mail address already, here or at another ISP.",
    "staff-name": "A name is one line of at most 200 characters.",
    "staff-not-invited": "The account is in use already; see: bando staff reset EMAIL",
    "staff-not-active": "The account is not in use: it is invited or off; see: bando staff list",
    "last-owner": "This is the last owner of the ISP; add another one first, with: bando staff add",
    "password-short": f"The password is too short; it needs at least {passwords.LEAST} characters.",
    "password-long": f"The password is too long; it has at most {passwords.MOST} characters.",
    "password-own": "The password must not be the name or the e-mail address.",
    "password-common": "The password is among the commonest ones; take another.",
}


@click.group()
def staff() -> None:
    """People who may use the console."""


def _sentence(refused: Refused) -> Misconfigured:
    return Misconfigured(SENTENCES.get(refused.key, f"That is not possible: {refused.key}."))


def _audited(
    ground: Ground, act: str, about: Callable[[T], Staff], unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any
) -> Unit[T]:
    """The act and its row of the audit, in one transaction."""
    done = yield from unit(*args, **kwargs)
    who = about(done)
    yield from audit.append(
        ground.vault,
        actor="command",
        act=f"staff.{act}",
        subject=f"staff:{who.public}",
        payload={"after": {"name": who.name, "role": who.role, "state": who.state}},
        now=ground.clock.now(),
    )
    return done


async def _act(
    ground: Ground, tenant_id: int, act: str, about: Callable[[T], Staff], unit: Callable[..., Unit[T]], *args: Any
) -> T:
    try:
        return await ground.db.write(tenant_id, _audited, ground, act, about, unit, *args)
    except Refused as refused:
        raise _sentence(refused) from refused


def itself(found: Staff) -> Staff:
    return found


def first(found: tuple[Staff, str]) -> Staff:
    return found[0]


async def account_named(ground: Ground, email: str) -> tuple[int, Staff]:
    """The tenant and account of this address; it names its ISP by itself. Raises `Misconfigured`."""
    index = store.email_index(ground.vault, email)
    tenant_id = await ground.db.read(None, store.owner_of, index)
    found = None if tenant_id is None else await ground.db.read(tenant_id, store.account_by_email, index)
    if tenant_id is None or found is None:
        raise Misconfigured("Nobody has this e-mail address; see: bando staff list")
    return tenant_id, found.staff


def _link(ground: Ground, token: str) -> str:
    return f"{ground.settings.public_url}/console/link/{token}"


@staff.command()
@click.argument("email")
@click.argument("name")
@click.option("--role", type=click.Choice(list(roles.of_kind("isp"))), help="What they may do.")
@click.option("--platform", "at_platform", is_flag=True, help="Somebody who runs the installation, of no ISP.")
@click.option("--password", "with_password", is_flag=True, help="Ask for a password, or read it from what is piped in.")
@tenant_option
@click.pass_obj
def add(
    settings: Settings,
    email: str,
    name: str,
    role: str | None,
    at_platform: bool,
    with_password: bool,
    tenant_name: str,
) -> None:
    """Invite somebody; or, with --password, make the account usable at once."""
    if (role is None) != at_platform:
        raise Misconfigured("Say what they may do with --role, or --platform for somebody who runs the installation.")
    role = role or roles.PLATFORM
    password = secret_of("Password") if with_password else ""

    async def work(ground: Ground) -> None:
        tenant = await _platform(ground) if at_platform else await ground.tenant(tenant_name)
        hashed = await _hashed(password, email, name) if with_password else None
        made, token = await _act(
            ground, tenant.id, "invite", first, _add, ground, email, name, role, tenant.language, hashed
        )
        _say_added(ground, tenant, made, token)

    run(settings, work)


async def _platform(ground: Ground) -> Tenant:
    """The platform, made with its first person."""
    found = await ground.db.read(None, tenancy.platform)
    if found is None:
        found = await ground.db.write(None, tenancy.add_tenant, "Platform", ground.clock.now(), kind="platform")
    return found


def _add(
    ground: Ground, email: str, name: str, role: str, language: str, hashed: str | None
) -> Unit[tuple[Staff, str]]:
    now = ground.clock.now()
    made, token = yield from store.invite(ground.vault, now, email=email, name=name, role=role, language=language)
    if hashed is None:
        return made, token
    yield from store.set_password(made.id, hashed, now)
    return (yield from store.must_know(made.id)), ""


async def _hashed(password: str, *others: str) -> str:
    try:
        passwords.must_be_good(password, *others)
    except Refused as refused:
        raise _sentence(refused) from refused
    pool = passwords.Passwords()
    try:
        return await pool.hash(password)
    finally:
        pool.close()


def _say_added(ground: Ground, tenant: Tenant, made: Staff, token: str) -> None:
    click.echo(f"Added {made.name}, {made.role} of {tenant.name}.")
    if token:
        click.echo(f"To set a password, within 72 hours: {_link(ground, token)}")
    else:
        click.echo(f"The account can be used now: {ground.settings.public_url}/console")


@staff.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List who may use the console."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.all_staff)
        body = [
            (each.email(ground.vault), each.name, each.role, each.state, "yes" if each.has_second else "no")
            for each in found
        ]
        empty = "Nobody yet. Invite the owner with: bando staff add EMAIL NAME --role owner"
        table(("e-mail", "name", "role", "state", "second factor"), body, empty)

    run(settings, work)


@staff.command()
@click.argument("email")
@click.pass_obj
def reset(settings: Settings, email: str) -> None:
    """Print a link that sets a new password; the old one and all logins end, the second factor stays."""

    async def work(ground: Ground) -> None:
        tenant_id, who = await account_named(ground, email)
        again = who.state == "invited"
        _, token = await _act(ground, tenant_id, "invite" if again else "reset", first, _relink, ground, who, again)
        within = "72" if again else "24"
        click.echo(f"For {who.name}, to set a password within {within} hours: {_link(ground, token)}")

    run(settings, work)


def _relink(ground: Ground, who: Staff, again: bool) -> Unit[tuple[Staff, str]]:
    """A link; to somebody who has not taken up the invitation, another one."""
    make = store.invite_again if again else store.reset_link
    token = yield from make(who.id, ground.clock.now())
    return (yield from store.must_know(who.id)), token


@staff.command("second-off")
@click.argument("email")
@click.pass_obj
def second_off(settings: Settings, email: str) -> None:
    """Take the second factor away, after a lost phone; owners and managers must set up a new one."""

    async def work(ground: Ground) -> None:
        tenant_id, who = await account_named(ground, email)
        await _act(ground, tenant_id, "second-off", itself, store.second_off, who.id, ground.clock.now())
        click.echo(f"{who.name} logs in by password alone now, until a new second factor is set up.")

    run(settings, work)


def _switch(settings: Settings, email: str, on: bool) -> None:
    async def work(ground: Ground) -> None:
        tenant_id, who = await account_named(ground, email)
        done = await _act(
            ground, tenant_id, "on" if on else "off", itself, store.set_state, who.id, on, ground.clock.now()
        )
        click.echo(f"{done.name} is {done.state}.")

    run(settings, work)


@staff.command()
@click.argument("email")
@click.pass_obj
def off(settings: Settings, email: str) -> None:
    """Switch an account off; its logins and links end at once."""
    _switch(settings, email, False)


@staff.command()
@click.argument("email")
@click.pass_obj
def on(settings: Settings, email: str) -> None:
    """Switch an account on again."""
    _switch(settings, email, True)


COMMANDS = [staff]
