"""Menus over the wire: print, add, set, remove, and what is said to mistakes."""

from __future__ import annotations

import pytest

from sandbox.routeros.commands import Account, parse, run
from sandbox.routeros.device import Faults, SandboxRouter
from sandbox.routeros.menus import MENUS, POLICIES
from tests.sandbox.routeros import IP, MAC, add_user, enter, make_router

FULL = Account(name="admin", policies=frozenset(POLICIES.split("|")))
USER = "/ip/hotspot/user"


def talk(router: SandboxRouter, *words: str, account: Account = FULL) -> list[list[str]]:
    return run(router, account, parse(list(words)))


def rows(router: SandboxRouter, *words: str, account: Account = FULL) -> list[dict[str, str]]:
    reply = talk(router, *words, account=account)
    assert reply[-1] == ["!done"]
    found = [sentence[1:] for sentence in reply if sentence[0] == "!re"]
    return [{word[1:].split("=", 1)[0]: word[1:].split("=", 1)[1] for word in row} for row in found]


def trap(router: SandboxRouter, *words: str, account: Account = FULL) -> list[str]:
    """All words of a refusal."""
    reply = talk(router, *words, account=account)
    assert reply[0][0] == "!trap"
    assert reply[-1] == ["!done"]
    return [word for sentence in reply[:-1] for word in sentence[1:]]


def test_add_answers_with_the_id_and_values_are_printed_in_the_routers_form() -> None:
    """facts/mikrotik.md 1.2 and 3.1."""
    router, _ = make_router()
    assert talk(router, f"{USER}/add", "=name=a=b", "=limit-uptime=7200", "=mac-address=aa:bb:cc:dd:ee:ff") == [
        ["!done", "=ret=*2"]
    ]
    row = rows(router, f"{USER}/print", "?name=a=b")[0]
    assert (row["limit-uptime"], row["mac-address"], row["disabled"]) == ("2h", "AA:BB:CC:DD:EE:FF", "false")


def test_an_old_version_may_answer_add_without_an_id() -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router(faults=Faults(add_without_ret=True))
    assert talk(router, f"{USER}/add", "=name=a") == [["!done"]]


def test_what_was_never_set_is_not_printed() -> None:
    """facts/mikrotik.md 1.5; a switch shows it."""
    router, _ = make_router()
    add_user(router)
    assert "limit-uptime" not in rows(router, f"{USER}/print", "?name=guest")[0]
    router.faults.show_defaults = True
    assert rows(router, f"{USER}/print", "?name=guest")[0]["limit-uptime"] == "0s"


def test_a_proplist_gives_these_properties_and_a_bare_row_if_there_are_none() -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router()
    add_user(router)
    assert talk(router, f"{USER}/print", "?name=guest", "=.proplist=comment") == [["!re"], ["!done"]]
    assert rows(router, f"{USER}/getall", "?name=guest", "=.proplist=name,.id") == [{"name": "guest", ".id": "*2"}]


@pytest.mark.parametrize(
    "version, reply", [("7.20.8", [["!empty"], ["!done"]]), ("7.17", [["!done"]]), ("6.49.10", [["!done"]])]
)
def test_an_empty_print_says_empty_since_7_18(version: str, reply: list[list[str]]) -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router(version)
    assert talk(router, f"{USER}/print", "?name=nobody") == reply


def test_counting_gives_a_number() -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router()
    assert talk(router, f"{USER}/print", "=count-only=") == [["!done", "=ret=1"]]


def test_rows_are_changed_by_id_by_name_and_by_a_list() -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router()
    first, second = add_user(router, "a"), add_user(router, "b")
    assert talk(router, f"{USER}/set", f"=.id={first},{second}", "=comment=x") == [["!done"]]
    assert talk(router, f"{USER}/disable", "=numbers=b") == [["!done"]]
    found = rows(router, f"{USER}/print", "?comment=x")
    assert [(row["name"], row["disabled"]) for row in found] == [("a", "false"), ("b", "true")]
    assert talk(router, f"{USER}/remove", f"=.id={first},{second}") == [["!done"]]
    assert rows(router, f"{USER}/print", "?comment=x") == []


def test_mistakes_are_answered_in_the_routers_words() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router()
    add_user(router)
    for name in ("slow", "slower"):
        router.tables["/ip/hotspot/user/profile"].add({"name": name})
    add = f"{USER}/add"
    assert trap(router, f"{USER}/set", "=.id=*FFF", "=comment=x") == ["=category=0", "=message=no such item"]
    assert trap(router, add, "=name=guest") == ["=message=failure: already have user with this name for this server"]
    assert trap(router, add, "=name=x", "=speed=1") == ["=message=unknown parameter speed"]
    assert trap(router, add, "=name=x", "=profile=gold")[1] == "=message=input does not match any value of profile"
    ambiguous = "=message=ambiguous value of profile, more than one possible value matches input"
    assert trap(router, add, "=name=x", "=profile=slo")[1] == ambiguous
    assert trap(router, add, "=name=x", "=profile=")[1] == ambiguous
    mac = "=message=invalid value of mac-address, mac address required"
    assert trap(router, add, "=name=x", "=mac-address=zz")[1] == mac
    assert trap(router, f"{USER}/frobnicate") == ["=category=0", "=message=no such command"]
    assert talk(router, add, "=name=x", "=profile=slower")[0][0] == "!done"


def test_version_6_leaves_the_name_of_the_unknown_parameter_out() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router("6.49.10")
    assert trap(router, f"{USER}/add", "=name=x", "=speed=1") == ["=message=unknown parameter"]


def test_a_missing_package_is_answered_with_two_traps() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router(faults=Faults(hotspot_package=False))
    expected = [["no such command or directory (hotspot)", "no such command prefix"]] * 2
    found = [trap(router, f"/ip/hotspot{menu}/print") for menu in ("", "/user")]
    assert [[word[9:] for word in words if word.startswith("=message=")] for words in found] == expected
    assert trap(router, "/ip/hotspot/active/login", f"=ip={IP}")[1].endswith("(hotspot)")
    assert trap(router, "/caps-man/registration-table/print")[1] == "=message=no such command or directory (caps-man)"


def test_device_mode_is_a_menu_of_later_versions() -> None:
    """facts/mikrotik.md 8.1."""
    new, _ = make_router(faults=Faults(device_mode_hotspot=False))
    old, _ = make_router("6.49.10")
    assert rows(new, "/system/device-mode/print")[0]["hotspot"] == "false"
    assert trap(old, "/system/device-mode/print")


def test_a_secret_is_shown_only_with_the_policy_for_it() -> None:
    """facts/mikrotik.md 3.2: sensitive."""
    router, _ = make_router()
    add_user(router)
    plain = Account(name="bando", policies=frozenset({"api", "read", "write"}))
    assert rows(router, f"{USER}/print", "?name=guest")[0]["password"] == "pw"
    assert "password" not in rows(router, f"{USER}/print", "?name=guest", account=plain)[0]
    assert all("password" not in row for row in rows(router, "/user/print"))


def test_a_missing_policy_is_refused() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router()
    reader = Account(name="r", policies=frozenset({"api", "read"}))
    assert trap(router, f"{USER}/add", "=name=x", account=reader) == ["=message=not enough permissions (9)"]
    writer = Account(name="w", policies=frozenset({"api", "read", "write"}))
    assert trap(router, "/user/add", "=name=x", "=group=full", account=writer)
    assert trap(router, "/system/reboot", account=writer)


def test_policies_are_denied_by_add_and_only_added_by_set() -> None:
    """facts/mikrotik.md 8.2."""
    router, _ = make_router()
    talk(router, "/user/group/add", "=name=g", "=policy=api,read")
    talk(router, "/user/group/set", "=.id=g", "=policy=write,!read")
    policy = rows(router, "/user/group/print", "?name=g")[0]["policy"].split(",")
    assert {word for word in policy if not word.startswith("!")} == {"api", "write"}


def test_active_rows_have_nothing_to_set() -> None:
    """facts/mikrotik.md 3.2 and 1.7."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    ident = rows(router, "/ip/hotspot/active/print")[0][".id"]
    found = trap(router, "/ip/hotspot/active/set", f"=.id={ident}", "=limit-uptime=1h")
    assert found == ["=message=unknown parameter limit-uptime"]


def test_removing_the_active_row_ends_the_session_and_its_cookie() -> None:
    """facts/mikrotik.md 3.4: admin reset."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    ident = rows(router, "/ip/hotspot/active/print", f"?address={IP}")[0][".id"]
    talk(router, "/ip/hotspot/active/remove", f"=.id={ident}")
    assert not router.is_authorized(MAC, IP)
    assert rows(router, "/ip/hotspot/cookie/print") == []
    host = rows(router, "/ip/hotspot/host/print")[0]
    talk(router, "/ip/hotspot/host/remove", f"=.id={host['.id']}")
    assert router.host_of(IP) is None


def test_login_takes_exactly_its_arguments() -> None:
    """facts/mikrotik.md 3.3 and 1.7."""
    router, _ = make_router()
    login = "/ip/hotspot/active/login"
    assert trap(router, login, f"=ip={IP}", "=timeout=1h") == ["=message=unknown parameter timeout"]
    assert trap(router, login, "=ip=1.2.3.999")[1] == "=message=invalid value for argument ip"
    assert trap(router, login, f"=ip={IP}", "=user=a") == [f"=message=unknown host IP {IP}"]
    assert trap(router, login, "=ip=") == ["=message=unknown host IP 0.0.0.0"]


def test_reset_counters_gives_the_used_time_back() -> None:
    """facts/mikrotik.md 3.4."""
    router, clock = make_router()
    add_user(router, limit_uptime="5m")
    enter(router)
    clock.advance(400_000)
    assert rows(router, f"{USER}/print", "?name=guest")[0]["uptime"] == "5m"
    talk(router, f"{USER}/reset-counters", "=.id=guest")
    assert rows(router, f"{USER}/print", "?name=guest")[0]["uptime"] == "0s"


def test_bytes_that_are_no_utf8_travel_unchanged() -> None:
    """facts/mikrotik.md 1.1."""
    router, _ = make_router()
    talk(router, f"{USER}/add", "=name=x", "=comment=caf\udce9")
    assert rows(router, f"{USER}/print", "?name=x")[0]["comment"] == "caf\udce9"


def test_settings_have_no_id() -> None:
    router, _ = make_router()
    talk(router, "/ip/dns/set", "=servers=1.1.1.1", "=allow-remote-requests=yes")
    row = rows(router, "/ip/dns/print")[0]
    assert (row["servers"], row["allow-remote-requests"], ".id" in row) == ("1.1.1.1", "true", False)


def test_the_clock_and_the_resources_speak_of_the_router() -> None:
    router, clock = make_router()
    clock.advance(3_723_000)
    resource = rows(router, "/system/resource/print")[0]
    assert (resource["uptime"], resource["version"]) == ("1h2m3s", "7.20.8 (stable)")
    assert rows(router, "/system/clock/print")[0]["date"] == "2027-01-15"
    router.faults.clock_1970 = True
    assert rows(router, "/system/clock/print")[0]["date"] == "1970-01-02"


def test_every_menu_prints_on_a_fresh_and_on_a_furnished_router() -> None:
    for hotspot in (False, True):
        router, _ = make_router(hotspot=hotspot)
        for path in MENUS:
            assert talk(router, f"{path}/print")[-1] == ["!done"], path


def test_a_fresh_router_has_no_hotspot_and_only_factory_accounts() -> None:
    router, _ = make_router(hotspot=False)
    assert rows(router, "/ip/hotspot/print") == []
    assert [row["name"] for row in rows(router, "/user/print")] == ["admin"]
    assert [row["name"] for row in rows(router, "/interface/print")] == [f"ether{n}" for n in range(1, 6)]


def test_a_bridge_is_an_interface_and_firewall_rows_have_an_order() -> None:
    router, _ = make_router(hotspot=False)
    talk(router, "/interface/bridge/add", "=name=br-x")
    assert talk(router, "/ip/address/add", "=address=10.1.0.1/24", "=interface=br-x")[0][0] == "!done"
    assert rows(router, "/ip/address/print")[0]["network"] == "10.1.0.0"
    last = talk(router, "/ip/firewall/filter/add", "=chain=input", "=action=drop")[0][1][5:]
    talk(router, "/ip/firewall/filter/add", "=chain=input", f"=place-before={last}")
    assert [row["action"] for row in rows(router, "/ip/firewall/filter/print")] == ["accept", "drop"]
    talk(router, "/interface/bridge/remove", "=.id=br-x")
    assert "br-x" not in [row["name"] for row in rows(router, "/interface/print")]


def test_signing_a_certificate_takes_a_moment() -> None:
    """facts/mikrotik.md 8.2."""
    router, clock = make_router()
    talk(router, "/certificate/add", "=name=c", "=common-name=c")
    message = "=message=input does not match any value of ca"
    assert trap(router, "/certificate/sign", "=.id=c", "=ca=c")[1] == message
    talk(router, "/certificate/sign", "=.id=c")
    assert "fingerprint" not in rows(router, "/certificate/print")[0]
    clock.advance(1000)
    assert "fingerprint" in rows(router, "/certificate/print")[0]


def test_a_certificate_stays_on_the_hotspot_only_if_trusted_and_with_https() -> None:
    """facts/mikrotik.md 8.2."""
    router, _ = make_router()
    path = "/ip/hotspot/profile/set"
    talk(router, "/certificate/add", "=name=c", "=common-name=c")
    talk(router, path, "=.id=hs-prof", "=ssl-certificate=c", "=login-by=https,http-pap")
    assert router.profile["ssl-certificate"] == "none"
    talk(router, "/certificate/set", "=.id=c", "=trusted=yes")
    talk(router, path, "=.id=hs-prof", "=ssl-certificate=c")
    assert router.profile["ssl-certificate"] == "none"
    talk(router, path, "=.id=hs-prof", "=ssl-certificate=c", "=login-by=https,http-pap")
    assert router.profile["ssl-certificate"] == "c"


def test_https_redirect_is_unknown_since_7_5() -> None:
    """facts/mikrotik.md 3.2."""
    new, _ = make_router()
    old, _ = make_router("6.49.10")
    words = ("/ip/hotspot/profile/set", "=.id=hs-prof", "=https-redirect=no")
    assert trap(new, *words) == ["=message=unknown parameter https-redirect"]
    assert talk(old, *words) == [["!done"]]


def test_each_version_knows_its_own_clock_servers() -> None:
    """facts/mikrotik.md 8.2."""
    new, _ = make_router()
    old, _ = make_router("6.49.10")
    path = "/system/ntp/client/set"
    assert talk(new, path, "=servers=162.159.200.1") == talk(old, path, "=primary-ntp=162.159.200.1") == [["!done"]]
    assert trap(new, path, "=primary-ntp=162.159.200.1")
    assert trap(old, path, "=servers=162.159.200.1")


def test_files_are_written_through_the_menu_from_7_15_on() -> None:
    """facts/mikrotik.md 4.4."""
    router, _ = make_router()
    talk(router, "/file/add", "=name=hotspot/login.html", "=contents=<p>")
    assert router.files == {"hotspot/login.html": b"<p>"}
    router.files["hotspot/status.html"] = b"status"
    assert [row["size"] for row in rows(router, "/file/print")] == ["3", "6"]
    assert trap(router, "/file/add", "=name=x", f"=contents={'x' * 61_251}")
    talk(router, "/file/remove", "=.id=hotspot/login.html")
    assert list(router.files) == ["hotspot/status.html"]
    old, _ = make_router("6.49.10")
    assert trap(old, "/file/add", "=name=x", "=contents=y")


def test_ids_may_be_others_after_a_reboot() -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router()
    add_user(router)
    before = rows(router, f"{USER}/print", "?name=guest")[0][".id"]
    router.reboot()
    after = rows(router, f"{USER}/print", "?name=guest")[0][".id"]
    assert before != after
    assert rows(router, f"{USER}/print", f"?.id={after}")[0]["name"] == "guest"
