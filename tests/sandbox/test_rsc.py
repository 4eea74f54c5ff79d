"""The console that imports .rsc files: what it reads, what it does, and where it stops."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import RscError, RscSyntaxError, import_rsc
from tests.sandbox.routeros import make_router


@pytest.fixture
def router() -> SandboxRouter:
    return make_router("7.20.8", hotspot=False)[0]


def put(router: SandboxRouter, text: str, **more: Any) -> list[str]:
    return import_rsc(router, text, **more)


@pytest.mark.parametrize(
    "expression, value",
    [
        ("1", "1"),
        ("(2 + 3 * 4)", "14"),
        ("(10 / 2 - 1)", "4"),
        ('("a" . "b" . 3)', "ab3"),
        ("(1 = 1 && 2 > 1)", "true"),
        ("(1 = 2 || 2 >= 3)", "false"),
        ("(!(1 = 2))", "true"),
        ("(yes = true)", "true"),
        ('("login-by" ~ "^login")', "true"),
        ('[:len "four"]', "4"),
        ('[:pick "7.20.8" 0 1]', "7"),
        ('[:pick "7.20.8" 2 4]', "20"),
        ('[:find "abc" "c"]', "2"),
        ('[:typeof [:find "abc" "x"]]', "nil"),
        ("[:len [/ip pool find]]", "0"),
        ("[/system identity get name]", "MikroTik"),
        ('[/user get [find name="admin"] group]', "full"),
        ("[/user get admin group]", "full"),
        ("([/interface ethernet find]->1)", "*2"),
        ("[:pick [/interface ethernet find] 0]", "*1"),
    ],
)
def test_expressions_have_the_values_of_the_console(router: SandboxRouter, expression: str, value: str) -> None:
    assert put(router, f":put {expression}") == [value]


@pytest.mark.parametrize(
    "quoted, text",
    [
        (r'"a \"b\" c"', 'a "b" c'),
        (r'"\$x costs \$(1)"', "$x costs $(1)"),
        (r'"tab\tline\nend"', "tab\tline\nend"),
        (r'"caf\E9"', "café"),
        (r'"back\\slash \?"', "back\\slash ?"),
        ('"one \\\n    two"', "one two"),
    ],
)
def test_quoted_texts_are_unescaped(router: SandboxRouter, quoted: str, text: str) -> None:
    assert put(router, f":put {quoted}") == [text]


def test_dollars_in_quotes_are_expanded(router: SandboxRouter) -> None:
    """facts/mikrotik.md 8.2: `$x` and `$(..)` inside double quotes."""
    assert put(router, ':local x 5\n:put "$x and $($x + 1) and $[:len abc]"') == ["5 and 6 and 3"]


def test_variables_end_with_their_block(router: SandboxRouter) -> None:
    assert put(router, "{\n:local x 1\n:if (true) do={ :set x 2 }\n:put $x\n}") == ["2"]
    with pytest.raises(RscError, match="no such variable x"):
        put(router, "{ :local x 1 }\n:put $x")


def test_branches_loops_and_comments(router: SandboxRouter) -> None:
    text = """
    # a comment
    :if (1 = 2) do={ :put no } else={ :put yes }   # the rest
    :for i from=1 to=3 do={ :put $i }; :foreach f in=[/ip pool find] do={ :put $f }
    """
    assert put(router, text.replace("   # the rest", "")) == ["yes", "1", "2", "3"]


def test_rows_are_added_changed_and_removed(router: SandboxRouter) -> None:
    put(router, '/ip pool add name=a ranges=10.0.0.2-10.0.0.9\n/ip/pool/add name="b c" ranges=10.1.0.2-10.1.0.9')
    put(router, '/ip pool set [find name="b c"] next-pool=a; /ip pool set a comment="x y"')
    rows = {row["name"]: row for row in router.tables["/ip/pool"].rows.values()}
    put(router, '/ip pool remove [/ip pool find name!="a"]')

    assert rows["b c"]["next-pool"] == "a"
    assert rows["a"]["comment"] == "x y"
    assert [row["name"] for row in router.tables["/ip/pool"].rows.values()] == ["a"]


def test_a_set_on_nothing_is_silent(router: SandboxRouter) -> None:
    """facts/mikrotik.md 8.2: verify by re-reading."""
    assert put(router, "/ip pool set [find name=none] comment=x\n:put on") == ["on"]


def test_a_rule_goes_before_another(router: SandboxRouter) -> None:
    put(router, "/ip firewall filter add chain=input action=drop")
    first = "[:pick [/ip firewall filter find action=drop] 0]"
    put(router, f"/ip firewall filter add chain=input action=accept place-before={first}")

    assert [row["action"] for row in router.tables["/ip/firewall/filter"].rows.values()] == ["accept", "drop"]


def test_an_error_stops_the_import_after_what_was_done(router: SandboxRouter) -> None:
    with pytest.raises(RscError, match="enough") as stopped:
        put(router, ":put one\n/system identity set name=x\n:error enough\n/system identity set name=y")

    assert stopped.value.output == ["one"]
    assert router.tables["/system/identity"].row("")["name"] == "x"


def test_the_routers_refusals_are_errors(router: SandboxRouter) -> None:
    with pytest.raises(RscError, match="input does not match any value of interface"):
        put(router, "/ip hotspot add interface=none name=x")


def test_errors_can_be_caught(router: SandboxRouter) -> None:
    text = ":do { :put a; :error b; :put c } on-error={ :put d }\n:put e"

    assert put(router, text) == ["a", "d", "e"]


@pytest.mark.parametrize(
    "text",
    [
        "/ip nonsense add name=x",
        "/ip pool frobnicate",
        "/ip pool add nme=x",
        ":if (1 = 2) do={ /ip hotspot profile set [find] https-redirect=no }",
        ":do { /caps-man add name=x } on-error={}",
        ':put "open',
        ":nonsense",
        "{ :put 1",
    ],
)
def test_what_this_router_cannot_read_stops_the_import_even_in_a_branch_not_taken(
    router: SandboxRouter, text: str
) -> None:
    with pytest.raises(RscSyntaxError):
        put(router, text)


def test_what_stands_before_a_syntax_error_has_been_done(router: SandboxRouter) -> None:
    with pytest.raises(RscSyntaxError):
        put(router, "/system identity set name=x\n/nonsense add")

    assert router.tables["/system/identity"].row("")["name"] == "x"


def test_parsed_text_is_read_only_when_it_is_run(router: SandboxRouter) -> None:
    text = ':do { :local f [:parse "/caps-man add name=x"]; $f } on-error={ :put caught }'

    assert put(router, text) == ["caught"]


def test_functions_see_what_they_are_given_and_give_back_a_value(router: SandboxRouter) -> None:
    text = ':local f [:parse "/ip pool add name=\\$called ranges=10.0.0.2-10.0.0.9"]\n$f called=inside'
    put(router, text)

    assert router.tables["/ip/pool"].find(name="inside")
    assert put(router, ':local g [:parse ":return 7"]\n:put [$g]') == ["7"]


def test_version_6_writes_menus_with_spaces_and_makes_no_files() -> None:
    old = make_router("6.49.21", hotspot=False)[0]

    assert put(old, "/ip pool add name=a ranges=10.0.0.2-10.0.0.9") == []
    for text in ("/ip/pool/add name=b ranges=10.1.0.2-10.1.0.9", "/file add name=x contents=y"):
        with pytest.raises(RscSyntaxError):
            put(old, text)


def test_a_certificate_is_signed_a_second_later(router: SandboxRouter) -> None:
    text = "/certificate add name=c common-name=c\n/certificate sign c\n:put [:len [/certificate get c fingerprint]]"
    more = ":delay 2s\n:put [:len [/certificate get c fingerprint]]"

    assert put(router, f"{text}\n{more}") == ["0", "64"]


def test_fetched_files_are_written(router: SandboxRouter) -> None:
    pages = {"https://portal.test/login.html": b"page"}
    put(router, "/tool fetch url=https://portal.test/login.html dst-path=hotspot/login.html", fetch=pages.__getitem__)

    assert router.files["hotspot/login.html"] == b"page"
    with pytest.raises(RscError, match="404"):
        put(router, "/tool fetch url=https://portal.test/none dst-path=x", fetch=pages.__getitem__)
    with pytest.raises(RscError, match="timeout"):
        put(router, "/tool fetch url=https://portal.test/none dst-path=x")
