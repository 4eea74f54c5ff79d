"""Files that are broken, huge or meant to hurt: a clear answer, quickly, and nothing of them is kept."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from portal.errors import Refused
from portal.imports import dump, text
from portal.imports.found import Found
from portal.imports.work import Choice
from portal.units import value
from tests.imports import sources
from tests.imports.sources import drawn
from tests.imports.taking import everything, nuxbill, table, take, work
from tests.imports.test_twice import whys
from tests.support import Seed

TABLE = "CREATE TABLE `tbl_voucher` (`id` int, `code` varchar(55), `status` char(1));\n"


def rows(statements: str) -> list[dict[str, str | None]]:
    return dump.rows(TABLE + statements, ["tbl_voucher"])["tbl_voucher"]


def refusal(body: bytes | str, s: Seed, read: str = "csv") -> str:
    body = body.encode() if isinstance(body, str) else body
    with pytest.raises(Refused) as refused:
        (table(s, body.decode("latin-1")) if read == "text" else _read(s, body, read))
    assert 400 <= refused.value.status < 500
    return refused.value.key


def _read(s: Seed, body: bytes, read: str) -> Found:
    from portal.imports import csv_file
    from tests.imports.taking import ZONE

    return nuxbill(s, body) if read == "sql" else csv_file.read(body, ZONE, s.clock.now())


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (r"'it''s'", "it's"),
        (r"'it\'s'", "it's"),
        (r'"say ""hi"""', 'say "hi"'),
        (r"'semi;colon (and) VALUES'", "semi;colon (and) VALUES"),
        (r"'back\\slash'", "back\\slash"),
        (r"'line\nend'", "line\nend"),
        (r"'-- no comment'", "-- no comment"),
        (r"'/* nor this */'", "/* nor this */"),
        (r"'# nor this'", "# nor this"),
        (r"_binary 'raw'", "raw"),
        (r"_utf8mb4'text'", "text"),
        (r"N'text'", "text"),
        ("'back`tick'", "back`tick"),
        ("1.5e3", "1.5e3"),
        ("-4711", "-4711"),
        ("NULL", None),
        ("DEFAULT", ""),
        ("0x4142", ""),
        ("'Ünïcödé 日本'", "Ünïcödé 日本"),
    ],
)
def test_a_value_is_read_as_it_was_meant(said: str, code: str | None) -> None:
    assert rows(f"INSERT INTO `tbl_voucher` VALUES (1,{said},'0');") == [{"id": "1", "code": code, "status": "0"}]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tbl_voucher VALUES (1,'a','0');",
        "insert into `tbl_voucher` (`status`, `code`, `id`) values ('0','a',1);",
        "INSERT INTO `radius`.`tbl_voucher` VALUES (1,'a','0');",
        "INSERT INTO radius.tbl_voucher VALUES (1,'a','0');",
        "INSERT IGNORE INTO `tbl_voucher` VALUES (1,'a','0')",
        "REPLACE INTO `tbl_voucher` VALUES (1,'a','0');",
        "/*!40000 ALTER TABLE `tbl_voucher` DISABLE KEYS */;\nINSERT INTO `tbl_voucher` VALUES (1,'a','0');",
        "INSERT INTO `tbl_logs` VALUES (1,'x; INSERT INTO `tbl_voucher` VALUES (2,''b'',''0'');');\n"
        "INSERT INTO `tbl_voucher` VALUES (1,'a','0');",
        "INSERT INTO `TBL_VOUCHER` VALUES (1,'a','0') ON DUPLICATE KEY UPDATE code = VALUES(code);",
    ],
)
def test_a_row_is_found_however_it_is_written(statement: str) -> None:
    assert rows(statement) == [{"id": "1", "code": "a", "status": "0"}]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO `tbl_voucher` VALUES (1,'never closes,'0');",
        "INSERT INTO `tbl_voucher` VALUES (1,\"never closes,'0');",
        "INSERT INTO `tbl_voucher VALUES (1,'a','0');",
        "/* never closes",
        "INSERT INTO `tbl_voucher` VALUES (1,'a');",
        "INSERT INTO `tbl_voucher` VALUES (1,'a','0','more');",
        "INSERT INTO `tbl_voucher` VALUES (1,SLEEP(10),'0');",
        "INSERT INTO `tbl_voucher` VALUES (1,(SELECT 1),'0');",
        "INSERT INTO `tbl_voucher` SELECT * FROM `tbl_users`;",
        "INSERT INTO `tbl_voucher` VALUES ((((((((((1))))))))));",
    ],
)
def test_what_cannot_be_read_is_refused(statement: str) -> None:
    with pytest.raises(Refused) as refused:
        rows(statement)
    assert refused.value.key == "import-sql"


@pytest.mark.parametrize(
    "body",
    [
        "'" + "\\'" * 2_000_000,
        "/*" * 2_000_000,
        "'" * 3_999_999,
        "`" * 3_999_999,
        "(" * 4_000_000,
        "INSERT INTO tbl_voucher VALUES " + "(1,'a','0')," * 300_000,
        "-" * 4_000_000,
        "\\" * 4_000_000,
        "INSERT " * 500_000,
    ],
    ids=["escapes", "comments", "quotes", "ticks", "brackets", "rows", "dashes", "backslashes", "words"],
)
def test_no_text_keeps_the_reader_busy_for_long(body: str) -> None:
    begin = time.thread_time()

    with suppress(Refused):
        rows(body)

    assert time.thread_time() - begin < 15  # of the processor: linear, so some seconds


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "import-empty"),
        (b"   \n", "import-empty"),
        (b"plan,code\n\xff\xfe\xfa,x\n", "import-encoding"),
        (b"PK\x03\x04" + b"\0" * 100, "import-encoding"),
        (b"\xff\xfep\0l\0a", "import-encoding"),
        ("plan,code\n1 day,abc1234".encode("utf-32"), "import-encoding"),
        (b"name,value\na,b\n", "import-columns"),
        (b"plan,plan\na,b\n", "import-columns"),
        (b'plan,code\n"never closes,x\n', "import-csv"),
        (b"plan,code\n" + b"a,b\n" * 20_001, "import-many"),
        (b"plan,code\n" + b"x" * text.MOST_BYTES, "too-large"),
        (b'plan\n"' + b"x" * 200_000 + b'"\n', "import-csv"),
    ],
)
async def test_a_table_that_is_none_is_refused(s: Seed, body: bytes, key: str) -> None:
    assert refusal(body, s) == key


async def test_a_spreadsheets_unicode_text_is_read(s: Seed) -> None:
    found = _read(s, "plan\tprice\ttime\tcode\nSiku\t50\t1d\tab12cd34\n".encode("utf-16"), "csv")

    assert (found.plans[0].name, found.vouchers[0].code) == ("Siku", "ab12cd34")


@pytest.mark.parametrize("body", [b"", b"SELECT 1;", b"CREATE TABLE tbl_voucher (id int);", b"\xff\xfe\xfa"])
async def test_a_dump_without_anything_of_phpnuxbill_is_refused(s: Seed, body: bytes) -> None:
    assert refusal(body, s, "sql") in ("import-empty", "import-nuxbill", "import-encoding")


async def test_formulas_are_left(s: Seed) -> None:
    found = table(s, 'plan,price,time,code\n"=cmd|\'/c calc\'!A0",50,1d,\n1 day,50,1d,"=HYPERLINK(1)"\n+Day,50,1d,\n')

    made = await work(s, found)

    assert [each.plan.name for each in made.plans] == ["1 day"]
    assert {each.why for each in made.left} == {"formula"}
    assert len(made.left) == 3


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("abc", "code-short"),
        ("a" * 25, "code-odd"),
        ("käse1234", "code-odd"),
        ("ab cd\u202e12", ""),  # what nobody sees is passed over, as at the door
        ("<script>alert(1)</script>", "code-odd"),
        ("'; DROP TABLE vouchers; --", "code-odd"),
        ("1234", "easy"),
        ("7KQ9M2XDAB4", ""),
    ],
)
async def test_a_code_is_taken_or_left_for_a_reason(s: Seed, code: str, why: str) -> None:
    made = await work(s, table(s, f'plan,price,time,code\n1 day,50,1d,"{code}"\n'))

    assert [each.why for each in made.left] == ([why] if why else [])


async def test_a_code_that_reads_as_one_of_bandos_own_is_left(s: Seed) -> None:
    from portal.vouchers import codes

    code = codes.draw(codes.STYLES["letters-8"])

    made = await work(s, table(s, f"plan,price,time,code\n1 day,50,1d,{code}\n"))

    assert [each.why for each in made.left] == ["code-ours"]


async def test_the_same_code_twice_is_taken_once(s: Seed) -> None:
    found = table(s, "plan,price,time,code\n1 day,50,1d,ab12cd34\n1 day,50,1d,AB12CD34\n1 day,50,1d,ab-12-cd-34\n")

    made = await work(s, found)

    assert made.cards == 1
    assert [each.why for each in made.left] == ["twice", "twice"]
    assert await take(s, found) == {"plans": 1, "vouchers": 1, "running": 0}


@pytest.mark.parametrize(
    "line", ["", "x,,,,,,,,,", "Day,-5,1d", "Day,50,-1d", "Day,50,999999999d", "Day,1e9,1d", "Day,50,1d,,,?"]
)
async def test_odd_lines_are_left_and_never_fail(s: Seed, line: str) -> None:
    found = table(s, f"plan,price,time,counted,window,data\n{line}\nGood,50,1d,,,\n")

    assert [each.plan.name for each in (await work(s, found)).plans] == ["Good"]


async def test_more_than_one_import_takes_is_left(s: Seed) -> None:
    lines = "".join(f"1 day,50,1d,{code}\n" for code in drawn(5_010, 12))

    made = await work(s, table(s, f"plan,price,time,code\n{lines}"))

    assert made.cards == 5_000
    assert len(made.left) == 10


async def test_the_second_import_takes_what_the_first_had_no_room_for(s: Seed) -> None:
    lines = "".join(f"1 day,50,1d,{code}\n" for code in drawn(5_010, 12))
    found = table(s, f"plan,price,time,code\n{lines}")

    first, second, third = [await take(s, found) for _ in range(3)]

    assert [each["vouchers"] for each in (first, second, third)] == [5_000, 10, 0]


async def test_what_was_read_is_gone_after_a_day(s: Seed) -> None:
    from portal.clock import DAY
    from portal.imports import service
    from tests.imports.taking import hands

    found = table(s, "plan,price,time,code\n1 day,50,1d,ab12cd34\n")
    number = await s.write(service.keep, hands(s), found, Choice(), s.clock.now())
    s.clock.advance(DAY)

    with pytest.raises(Refused) as refused:
        await s.write(service.carry_out, hands(s), number, s.clock.now())
    assert refused.value.key == "import-old"
    await s.write(service.keep, hands(s), found, Choice(), s.clock.now() + 1)
    assert await s.read(lambda: value("SELECT COUNT(*) FROM imports WHERE tenant_id = :tenant")) == 1


async def test_no_code_and_no_name_stands_in_the_database_as_it_is(s: Seed, tmp_path: object) -> None:
    await take(s, nuxbill(s, sources.dump(s.clock.now())))

    whole = repr(await everything(s))

    for secret in ("NUXAB12CD34X", "nuxab12cd34x", "0712345678", "otieno"):
        assert secret not in whole


async def test_a_dump_that_calls_itself_a_table_says_what_is_missing(s: Seed) -> None:
    assert refusal(sources.dump(s.clock.now()), s) in ("import-columns", "import-csv")
    assert whys((await work(s, table(s, "plan,code\nNowhere,ab12cd34\n"))).left)["AB******"] == "no-plan"


async def test_what_was_read_and_never_taken_goes_by_itself(s: Seed) -> None:
    from portal.clock import DAY
    from portal.imports import service
    from portal.imports.room import Imports
    from tests.imports.taking import hands

    found = table(s, "plan,price,time,code\n1 day,50,1d,ab12cd34\n")
    room = Imports(s.db, s.clock, lambda: [s.tenant])
    await s.write(service.keep, hands(s), found, Choice(), s.clock.now())

    for wait, left in ((DAY - 60_000, 1), (61_000, 0)):
        s.clock.advance(wait)
        await room.run_once()
        assert await s.read(lambda: value("SELECT COUNT(*) FROM imports WHERE tenant_id = :tenant")) == left
