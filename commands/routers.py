"""bando router add/pin/list/check/script/calls/allow; `router_modes` has set."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

import click

from commands.ground import Ground, run, table, tenant_option, when
from commands.router_modes import MODES, add_asking, asking, coa_option, must_be_called, set_, source_option
from portal.calls import service as calls
from portal.calls.standing import calling_of, sentences
from portal.errors import Misconfigured, RouterUnreachable
from portal.findings import report
from portal.mikrotik.addresses import Policy, check_typed, policy_for
from portal.mikrotik.calling import authority_of
from portal.mikrotik.inspection import inspect
from portal.mikrotik.picture import Expected
from portal.mikrotik.provisioning import ScriptOptions, script
from portal.mikrotik.router_files import files
from portal.mikrotik.visit import address_of
from portal.mikrotik.wire import connect, fingerprint_of
from portal.settings import Settings
from portal.tenancy import store
from portal.tenancy.store import Router


@click.group()
def router() -> None:
    """MikroTik routers with a hotspot."""


@router.command()
@tenant_option
@click.argument("name")
@click.option("--host", default="", help="Address under which the portal reaches the router's API.")
@click.option("--port", type=int, help="8729 when left out, or 8728 with --tunnel.")
@click.option("--username", default="bando", show_default=True)
@click.option("--password", default="", help="Of the API user; made up when left out, for the set-up script.")
@click.option("--hotspot-host", default="login.wifi", show_default=True, help="Host of the router's login page.")
@click.option("--fingerprint", default="", help="SHA-256 of the router's certificate; asked from the router if empty.")
@click.option("--tunnel", is_flag=True, help="The way to the router is a tunnel: speak plain, without TLS.")
@click.option("--mode", type=click.Choice(["api", "radius"]), default="api", show_default=True, help=MODES)
@source_option
@coa_option
@click.pass_obj
def add(
    settings: Settings,
    tenant_name: str,
    name: str,
    host: str,
    port: int | None,
    username: str,
    password: str,
    hotspot_host: str,
    fingerprint: str,
    tunnel: bool,
    mode: str,
    source: str,
    coa_port: str,
) -> None:
    """Add a router, and pin its certificate when it has one already."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        policy = policy_for(ground.settings, tenant.router_networks)
        if mode == "radius":
            await add_asking(ground, tenant, name, hotspot_host, source, coa_port)
            return
        if not host:
            raise Misconfigured("Say where the portal reaches the router: --host 10.9.0.2")
        at = port or (8728 if tunnel else 8729)
        kept = check_typed(host, at, tunnel=tunnel, policy=policy)
        pin = None if tunnel else fingerprint or await _certificate_at(kept, at, policy)
        router_id = await ground.db.write(
            tenant.id,
            store.add_router,
            ground.vault,
            ground.clock.now(),
            name=name,
            host=kept,
            port=at,
            username=username,
            password=password or secrets.token_urlsafe(18),
            hotspot_host=hotspot_host,
            fingerprint=pin,
            tunnel=tunnel,
        )
        await ground.changed(tenant)
        made = await ground.db.read(tenant.id, store.router, router_id)
        assert made is not None
        click.echo(f"Added {name} as {made.public}.")
        click.echo(_next_steps(made))

    run(settings, work)


async def _certificate_at(host: str, port: int, policy: Policy) -> str | None:
    """None when nothing answers there: a fresh router has no certificate before its set-up script has run."""
    try:
        return await fingerprint_of(host, port, policy=policy)
    except RouterUnreachable:
        return None


def _next_steps(made: Router) -> str:
    script = f"bando router script {made.public} --interface … --management …"
    check = f"bando router check {made.public}"
    if made.tunnel:
        return f"Next: {script}   then: {check}"
    if made.fingerprint:
        return f"Its certificate is pinned: {made.fingerprint}\nNext: {script}   then: {check}"
    return (
        f"Nothing answers at {made.host}:{made.port} yet.\n"
        f"Next: {script}   on the router: import it   then: bando router pin {made.public}   then: {check}"
    )


@router.command()
@tenant_option
@click.argument("name", default="")
@click.option(
    "--fingerprint", default="", help="SHA-256 that the set-up script printed; asked from the router if empty."
)
@click.pass_obj
def pin(settings: Settings, tenant_name: str, name: str, fingerprint: str) -> None:
    """Pin a router's certificate: after its set-up, or when you have renewed it."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = must_be_called(await ground.router(tenant, name))
        policy = policy_for(ground.settings, tenant.router_networks)
        pinned = fingerprint.replace(":", "").replace(" ", "").lower()
        pinned = pinned or await fingerprint_of(found.host, found.port, policy=policy)
        if not re.fullmatch(r"[0-9a-f]{64}", pinned):
            raise Misconfigured("A fingerprint is SHA-256, 64 hexadecimal digits, as the set-up script printed it.")
        await ground.db.write(tenant.id, store.pin, found.id, pinned)
        await ground.changed(tenant)
        click.echo(f"Pinned: {pinned}")
        if not fingerprint:
            click.echo("Compare it with what the set-up script printed on the router.")

    run(settings, work)


@router.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List the routers and how they are."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.routers)
        body = [
            (
                each.public,
                each.name,
                f"{each.host}:{each.port}" if each.mode == "api" else f"RADIUS from {each.radius_source}",
                when(each.last_contact_at, tenant),
                _state(each),
            )
            for each in found
        ]
        table(("id", "site", "address", "last contact", "state"), body, "No router yet. Add one with: bando router add")

    run(settings, work)


def _state(found: Router) -> str:
    if found.mode == "radius":
        return "asks RADIUS" if found.last_contact_at else "has not asked yet, see: bando router script"
    if not found.trusted:
        return "certificate not pinned, see: bando router pin"
    if found.mass_removal == "held":
        return "removal held, see: bando router allow"
    return found.trouble or ("well" if found.last_contact_at else "not met yet")


@router.command()
@tenant_option
@click.argument("name", default="")
@click.pass_obj
def check(settings: Settings, tenant_name: str, name: str) -> None:
    """Look at a router without changing it, and say what to mend."""

    async def work(ground: Ground) -> bool:
        tenant = await ground.tenant(tenant_name)
        found = must_be_called(await ground.router(tenant, name))
        policy = policy_for(ground.settings, tenant.router_networks)
        wire = await connect(address_of(found, ground.vault, policy))
        try:
            findings = await inspect(
                wire,
                Expected(
                    portal_host=urlsplit(settings.public_url).hostname or "",
                    hotspot_host=found.hotspot_host,
                    api_user=found.username,
                    now=ground.clock.now(),
                    files=files(settings.public_url, found.public, found.mode),
                ),
            )
        finally:
            await wire.aclose()
        click.echo(report(findings))
        return not any(each.severity == "fault" for each in findings)

    if not run(settings, work):
        raise SystemExit(1)


@router.command("script")
@tenant_option
@click.argument("name", default="")
@click.option("--interface", default="", help="Where the guests are: ether2, or several ports with commas.")
@click.option("--management", default="", help="Address or network from which the portal reaches the API.")
@click.option("--network", default="10.5.50.0/24", show_default=True)
@click.option("--wan", default="ether1", show_default=True)
@click.option("--v6", is_flag=True, help="For RouterOS 6.49.")
@click.option("--bridge", is_flag=True, help="--interface names a bridge that exists.")
@click.option("--adopt", is_flag=True, help="Keep the hotspot that runs on the interface.")
@click.option("--dns-name", default="", help="Name of the router's login page; its address when left out.")
@click.option("--certificate", default="", help="Name of a trusted certificate on the router, for option 114.")
@click.option("--portal-address", multiple=True, help="Fixed addresses of the portal for the walled garden.")
@click.option("--calls", "may_call", is_flag=True, help="The router calls the portal each minute by HTTPS.")
@click.option("--payment-host", multiple=True, help="Host of a payment page that guests must reach, as of Paystack.")
@click.option("--radius-server", default="", help="RADIUS mode: address of FreeRADIUS, as the router reaches it.")
@click.option("--auth-port", default=1812, show_default=True, help="RADIUS mode: where FreeRADIUS takes logins.")
@click.option("--acct-port", default=1813, show_default=True, help="RADIUS mode: where it takes accounting.")
@click.pass_obj
def script_(
    settings: Settings,
    tenant_name: str,
    name: str,
    interface: str,
    management: str,
    network: str,
    wan: str,
    v6: bool,
    bridge: bool,
    adopt: bool,
    dns_name: str,
    certificate: str,
    portal_address: tuple[str, ...],
    may_call: bool,
    payment_host: tuple[str, ...],
    radius_server: str,
    auth_port: int,
    acct_port: int,
) -> None:
    """Print the set-up script (.rsc) for a router; it holds the password of its API user, or its RADIUS secret."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.router(tenant, name)
        asks = asking(found, ground.vault, radius_server, auth_port, acct_port) if found.mode == "radius" else None
        if not (management or asks):
            raise Misconfigured("Say from where the portal reaches the router: --management 10.9.0.0/24")
        if may_call and found.call_key_sealed is None:
            authority_of(settings.router_authority)  # refused before anything is changed
            await ground.db.write(tenant.id, calls.switch_on, tenant.id, ground.vault, found)
            await ground.changed(tenant)
            found = await ground.router(tenant, name)
        options = ScriptOptions(
            interface=interface,
            site=found.name,
            portal_url=settings.public_url,
            router_public=found.public,
            management=management,
            api_user=found.username,
            api_password=found.password(ground.vault),
            radius=asks,
            network=network,
            wan=wan,
            version=6 if v6 else 7,
            bridge=bridge,
            adopt=adopt,
            tunnel=found.tunnel,
            dns_name=dns_name or found.hotspot_host,
            certificate=certificate,
            portal_addresses=portal_address,
            payment_hosts=payment_host,
            calling=calling_of(ground.vault, found, settings.router_authority),
            time_zone=tenant.timezone,
        )
        click.echo(script(options))

    run(settings, work)


@router.command("calls")
@tenant_option
@click.argument("name", default="")
@click.option("--renew", is_flag=True, help="Another token and keys; what it calls with now is worth nothing any more.")
@click.option("--off", is_flag=True, help="It may not call any more.")
@click.pass_obj
def calls_(settings: Settings, tenant_name: str, name: str, renew: bool, off: bool) -> None:
    """What a router told when it called, and what is wished of it."""
    if renew and off:
        raise Misconfigured("Say --renew or --off, not both.")

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.router(tenant, name)
        if renew:
            await ground.db.write(tenant.id, calls.switch_on, tenant.id, ground.vault, found)
        elif off:
            await ground.db.write(tenant.id, calls.switch_off, tenant.id, found)
        if renew or off:
            await ground.changed(tenant)
            found = await ground.router(tenant, name)
        for sentence in sentences(found, when(found.beat_at, tenant)):
            click.echo(sentence)
        if renew:
            click.echo(f"Next: bando router script {found.public} …   on the router: import it")

    run(settings, work)


@router.command()
@tenant_option
@click.argument("name", default="")
@click.pass_obj
def allow(settings: Settings, tenant_name: str, name: str) -> None:
    """Let Bando remove more than half of its rows from a router; it was held back for you to look."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.router(tenant, name)
        await ground.db.write(tenant.id, store.set_mass_removal, found.id, "allowed")
        click.echo(f"The next look at {found.name} may remove them.")

    run(settings, work)


router.add_command(set_)

COMMANDS = [router]
