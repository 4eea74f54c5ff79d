"""An owner takes everything away as one sealed file, which an empty installation takes in."""

from __future__ import annotations

from pathlib import Path

from portal.clock import MINUTE
from tests.console.office import Office
from tests.moving.move import moved_in, rows

PATH = "/export/move"
WORDS = "four words and a river"


async def test_an_owner_takes_a_file_that_an_empty_installation_takes_in(o: Office, tmp_path: Path) -> None:
    owner = await o.of("owner")
    assert "Everything, to move" in await owner.get("/export")
    answer = await owner.post(PATH, 200, passphrase=WORDS, again=WORDS)
    assert answer.headers["content-disposition"] == f'attachment; filename="isp-{o.home.tenant.public}.move"'
    assert answer.headers["cache-control"] == "no-store"
    file = tmp_path / "isp.move"
    file.write_bytes(answer.content)
    moved = moved_in(file, tmp_path / "there", o.home.clock.now())
    assert moved.tenant.public == o.home.tenant.public
    assert [each["name"] for each in rows(file)["staff"]] != []
    assert [each["act"] for each in await o.acts()] == ["export.move"]
    assert "sealed file, to move" in await owner.get("/audit")
    assert await o.verified()
    assert sorted(each.name for each in o.home.db.path.parent.iterdir() if each.name.startswith("tmp")) == []


async def test_nobody_else_and_not_without_a_good_passphrase_and_the_password(o: Office) -> None:
    owner = await o.of("owner")
    for role in ("manager", "auditor"):
        other = await o.of(role)
        assert "Everything, to move" not in await other.get("/export")
        await other.post(PATH, 403, passphrase=WORDS, again=WORDS)
    short = await owner.post(PATH, 400, passphrase="too short", again="too short")
    assert "The passphrase is too short" in short.text
    assert "not the same" in (await owner.post(PATH, 400, passphrase=WORDS, again=WORDS + "s")).text
    o.home.clock.advance(11 * MINUTE)
    assert "password once more" in (await owner.post(PATH, 403, passphrase=WORDS, again=WORDS)).text
    assert await o.acts() == []
