"""bando notice publish/list: what the operator tells everybody who works at an ISP."""

from __future__ import annotations

from pathlib import Path

import click

from commands.ground import Ground, run, table
from portal.clock import as_datetime
from portal.errors import Misconfigured, Refused
from portal.privacy.bulletins import service, store
from portal.privacy.retention.room import Retention
from portal.settings import Settings

MANY = 50
WRONG = {
    "bulletin-title": f"The title (--title) is one line of at most {service.LONGEST_TITLE} characters.",
    "notice-words": "The text (--file) is plain UTF-8 of at most 6,000 characters, and not empty.",
}


@click.group()
def notice() -> None:
    """What the operator tells everybody who works at an ISP."""


@notice.command()
@click.option("--title", required=True, help="One line, which stands above every page of the console.")
@click.option("--file", "path", required=True, type=click.Path(path_type=Path), help="The text, as plain UTF-8.")
@click.pass_obj
def publish(settings: Settings, title: str, path: Path) -> None:
    """Show a text to everybody who works at an ISP until they say that they read it. It cannot be taken back."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Misconfigured(WRONG["notice-words"]) from error

    async def work(ground: Ground) -> None:
        try:
            made = await ground.db.write(None, service.publish, title, text, "command", ground.clock.now())
        except Refused as refused:
            raise Misconfigured(WRONG[refused.key]) from refused
        click.echo(f"Published as {made.id}, SHA-256 {made.digest}.")

    run(settings, work)


@notice.command(name="list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """Show what was published, and how many have read it."""

    async def work(ground: Ground) -> None:
        read: dict[int, int] = {}
        for tenant in await Retention(ground.db, ground.vault, ground.clock).everybody():
            for bulletin, many in (await ground.db.read(tenant.id, store.readers)).items():
                read[bulletin] = read.get(bulletin, 0) + many
        found = await ground.db.read(None, store.listed, MANY)
        body = [
            (each.id, as_datetime(each.published_at).strftime("%Y-%m-%d %H:%M"), read.get(each.id, 0), each.title)
            for each in found
        ]
        table(("number", "published (UTC)", "read by", "title"), body, "Nothing was published yet.")

    run(settings, work)


COMMANDS = [notice]
