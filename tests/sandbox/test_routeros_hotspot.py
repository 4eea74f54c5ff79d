"""The hotspot's semantics; each test names the line of the facts it stands on."""

from __future__ import annotations

import pytest

from portal.clock import DAY, HOUR, MINUTE, SECOND
from sandbox.routeros.device import Faults, LoginRefused, Trap
from tests.sandbox.routeros import (
    IP,
    MAC,
    OTHER_IP,
    OTHER_MAC,
    active,
    add_user,
    enter,
    make_router,
    refusal,
    set_profile,
    user_row,
)


def test_a_device_that_sent_nothing_cannot_be_logged_in() -> None:
    """facts/mikrotik.md 3.3."""
    router, _ = make_router()
    add_user(router)
    assert refusal(router) == f"unknown host IP {IP}"


def test_a_login_without_an_address_names_address_zero() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router()
    assert refusal(router, ip="") == "unknown host IP 0.0.0.0"


def test_a_mac_that_is_not_the_hosts_is_refused() -> None:
    """facts/mikrotik.md 3.3."""
    router, _ = make_router()
    add_user(router)
    router.host_seen(MAC, IP)
    assert refusal(router, mac=OTHER_MAC) == "wrong MAC provided"


@pytest.mark.parametrize("user, password", [("nobody", "pw"), ("guest", "wrong"), ("guest", "")])
def test_wrong_credentials_are_refused(user: str, password: str) -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router()
    add_user(router)
    router.host_seen(MAC, IP)
    assert refusal(router, user=user, password=password) == "invalid username or password"


def test_a_disabled_user_cannot_log_in() -> None:
    router, _ = make_router()
    add_user(router, disabled="yes")
    router.host_seen(MAC, IP)
    assert refusal(router) == "invalid username or password"


def test_a_user_bound_to_a_mac_lets_no_other_device_in() -> None:
    """facts/mikrotik.md 4.3 invalid-mac."""
    router, _ = make_router()
    add_user(router, mac_address=MAC)
    router.host_seen(OTHER_MAC, OTHER_IP)
    assert "not allowed to log in from this MAC" in refusal(router, ip=OTHER_IP)


def test_a_user_name_that_is_anothers_mac_is_refused() -> None:
    """facts/mikrotik.md 4.3 wrong-mac-username."""
    router, _ = make_router()
    router.host_seen(MAC, IP)
    assert refusal(router, user=OTHER_MAC) == f"invalid username ({OTHER_MAC}): this MAC address is not yours"


def test_time_left_is_the_limit_less_what_was_used() -> None:
    """facts/mikrotik.md 3.4: limit 5m, uptime 18s, session-time-left 4m42s."""
    router, clock = make_router()
    add_user(router, limit_uptime="5m")
    enter(router)
    clock.advance(18 * SECOND)
    router.logout(IP, "user request")
    assert user_row(router)["uptime"] == "18s"
    enter(router)
    assert active(router)["session-time-left"] == "4m42s"


def test_the_users_uptime_leaves_the_running_session_out() -> None:
    """facts/mikrotik.md 3.4: added at logout."""
    router, clock = make_router()
    add_user(router, limit_uptime="5m")
    enter(router)
    clock.advance(MINUTE)
    assert (user_row(router)["uptime"], active(router)["uptime"]) == ("0s", "1m")


def test_the_router_ends_a_session_at_its_limit_and_not_later() -> None:
    """facts/mikrotik.md 3.4: the user has used exactly the limit, however late anyone looks."""
    router, clock = make_router()
    set_profile(router, keepalive_timeout="none")
    add_user(router, limit_uptime="5m")
    enter(router)
    clock.advance(299 * SECOND)
    assert router.is_authorized(MAC, IP)
    clock.advance(HOUR)
    assert not router.is_authorized(MAC, IP)
    assert user_row(router)["uptime"] == "5m"


def test_a_used_up_limit_refuses_until_it_is_raised() -> None:
    """facts/mikrotik.md 3.4: cumulative; rewriting the same value does not help."""
    router, clock = make_router()
    add_user(router, limit_uptime="5m")
    enter(router)
    clock.advance(HOUR)
    router.host_seen(MAC, IP)
    users = router.tables["/ip/hotspot/user"]
    users.set("guest", {"limit-uptime": "5m"})
    assert refusal(router) == "your uptime limit is reached"
    users.set("guest", {"limit-uptime": "10m"})
    assert refusal(router) == ""
    assert active(router)["session-time-left"] == "5m"


def test_a_limit_of_zero_is_no_limit() -> None:
    """facts/mikrotik.md 3.2 and 3.3: session-time-left is absent when unlimited."""
    router, _ = make_router()
    add_user(router, limit_uptime="0s", limit_bytes_total="0")
    enter(router)
    assert not {"session-time-left", "limit-bytes-total"} & set(active(router))


def test_byte_limits_are_cumulative_and_the_active_row_shows_what_is_left() -> None:
    """facts/mikrotik.md 3.4: 100 MB limit, 30 used: 70."""
    router, _ = make_router()
    add_user(router, limit_bytes_total="100000000")
    enter(router)
    router.count(MAC, IP, up=10_000_000, down=20_000_000)
    router.logout(IP, "user request")
    enter(router)
    assert active(router)["limit-bytes-total"] == "70000000"
    router.count(MAC, IP, up=0, down=70_000_000)
    assert not router.is_authorized(MAC, IP)
    assert "traffic limit" in refusal(router)


def test_in_is_from_the_client() -> None:
    """facts/mikrotik.md 3.1."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.count(MAC, IP, up=7, down=9)
    assert (active(router)["bytes-in"], active(router)["bytes-out"]) == ("7", "9")


@pytest.mark.parametrize("reaches, left", [(True, "10m"), (False, "5m")])
def test_whether_a_new_limit_reaches_the_running_session_is_a_switch(reaches: bool, left: str) -> None:
    """facts/mikrotik.md 11, design: read session-time-left after a set."""
    router, _ = make_router(faults=Faults(limits_reach_running_session=reaches))
    add_user(router, limit_uptime="5m")
    enter(router)
    router.tables["/ip/hotspot/user"].set("guest", {"limit-uptime": "10m"})
    assert active(router)["session-time-left"] == left


def test_a_second_device_is_refused_with_one_shared_user() -> None:
    """facts/mikrotik.md 3.4."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.host_seen(OTHER_MAC, OTHER_IP)
    assert refusal(router, ip=OTHER_IP) == "no more sessions are allowed for user guest"
    set_profile(router, shared_users="unlimited")
    assert refusal(router, ip=OTHER_IP) == ""


def test_a_burst_below_the_rate_breaks_the_whole_login() -> None:
    """facts/mikrotik.md 3.1."""
    router, _ = make_router()
    set_profile(router, rate_limit="2M/5M 4M/4M")
    add_user(router)
    router.host_seen(MAC, IP)
    assert refusal(router) == (
        "internal error: login failed: failed to add queue: download-burst-limit less than download-max-limit"
    )


def test_a_full_licence_refuses() -> None:
    """facts/mikrotik.md 4.3 license-session-limit."""
    router, _ = make_router(faults=Faults(license_sessions=1))
    add_user(router)
    add_user(router, "second")
    enter(router)
    router.host_seen(OTHER_MAC, OTHER_IP)
    assert refusal(router, ip=OTHER_IP, user="second").startswith("session limit reached (")


def test_an_answer_can_be_scripted_for_an_address() -> None:
    router, _ = make_router(faults=Faults(login_traps={IP: "already authorizing, retry later"}))
    add_user(router)
    router.host_seen(MAC, IP)
    assert refusal(router) == "already authorizing, retry later"


@pytest.mark.parametrize("what, text", [("ok", ""), ("trap", "host is already logged in"), ("replaces", "")])
def test_a_login_of_an_active_client_is_a_switch(what: str, text: str) -> None:
    """facts/mikrotik.md 11."""
    router, _ = make_router()
    router.faults.login_while_active = what  # type: ignore[assignment]
    add_user(router)
    enter(router)
    before = active(router)[".id"]
    assert refusal(router) == text
    assert (active(router)[".id"] == before) is (what != "replaces")


def test_removing_a_user_leaves_its_session_running() -> None:
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.tables["/ip/hotspot/user"].remove("guest")
    assert router.is_authorized(MAC, IP)


def test_a_changed_profile_needs_a_new_login() -> None:
    router, clock = make_router()
    set_profile(router, keepalive_timeout="none")
    add_user(router)
    enter(router)
    set_profile(router, session_timeout="1m")
    clock.advance(HOUR)
    assert router.is_authorized(MAC, IP)
    router.logout(IP, "user request")
    enter(router)
    assert active(router)["session-time-left"] == "1m"


def test_a_session_timeout_counts_for_each_session() -> None:
    """facts/mikrotik.md 3.4."""
    router, clock = make_router()
    set_profile(router, session_timeout="10m", keepalive_timeout="none")
    add_user(router)
    enter(router)
    clock.advance(10 * MINUTE)
    assert not router.is_authorized(MAC, IP)
    router.host_seen(MAC, IP)
    assert refusal(router) == ""


def test_idleness_ends_a_session_only_if_no_packet_comes() -> None:
    """facts/mikrotik.md 3.4."""
    router, clock = make_router()
    set_profile(router, idle_timeout="5m")
    add_user(router)
    enter(router)
    for _ in range(3):
        clock.advance(4 * MINUTE)
        router.count(MAC, IP, up=1, down=1)
    assert router.is_authorized(MAC, IP)
    clock.advance(6 * MINUTE)
    assert not router.is_authorized(MAC, IP)
    assert user_row(router)["uptime"] == "17m"


@pytest.mark.parametrize("keepalive, inside", [("2m", False), ("none", True)])
def test_the_factory_keepalive_logs_a_sleeping_phone_out(keepalive: str, inside: bool) -> None:
    """facts/mikrotik.md 3.4."""
    router, clock = make_router()
    set_profile(router, keepalive_timeout=keepalive)
    add_user(router)
    enter(router)
    router.host_gone(MAC)
    clock.advance(3 * MINUTE)
    router.tick()
    assert router.is_authorized(MAC, IP) is inside


def test_an_idle_unauthorised_host_is_forgotten() -> None:
    """facts/mikrotik.md 3.2: server idle-timeout 5m."""
    router, clock = make_router()
    router.host_seen(MAC, IP)
    clock.advance(5 * MINUTE)
    assert router.host_of(IP) is None


def test_a_known_device_comes_back_by_its_mac_cookie() -> None:
    """facts/mikrotik.md 3.4."""
    router, clock = make_router()
    set_profile(router, keepalive_timeout="2m")
    add_user(router)
    enter(router)
    router.host_gone(MAC)
    clock.advance(HOUR)
    router.tick()
    assert router.host_of(IP) is None
    router.host_seen(MAC, IP)
    assert active(router)["login-by"] == "mac-cookie"


def test_a_mac_cookie_lives_three_days_from_the_last_logout() -> None:
    """facts/mikrotik.md 3.2 and 3.4."""
    router, clock = make_router()
    add_user(router)
    enter(router)
    router.host_gone(MAC)
    clock.advance(3 * DAY + HOUR)
    router.tick()
    router.host_seen(MAC, IP)
    assert not router.is_authorized(MAC, IP)


@pytest.mark.parametrize(
    "cause", ["user request", "admin reset", "traffic limit reached", "session timeout", "uptime limit"]
)
def test_a_mac_cookie_is_forgotten_when_the_session_was_ended_on_purpose(cause: str) -> None:
    """facts/mikrotik.md 3.4."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.logout(IP, cause)
    assert not router.tables["/ip/hotspot/cookie"].rows


@pytest.mark.parametrize("cause", ["idle timeout", "keepalive timeout"])
def test_a_mac_cookie_outlives_sleep(cause: str) -> None:
    """facts/mikrotik.md 3.4."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.logout(IP, cause)
    assert len(router.tables["/ip/hotspot/cookie"].rows) == 1


def test_a_failed_cookie_login_and_two_hosts_with_one_mac_forget_the_cookie() -> None:
    """facts/mikrotik.md 3.4."""
    cookies = "/ip/hotspot/cookie"
    router, clock = make_router()
    add_user(router)
    enter(router)
    router.host_gone(MAC)
    clock.advance(HOUR)
    router.tick()
    router.tables["/ip/hotspot/user"].set("guest", {"password": "new"})
    router.host_seen(MAC, IP)
    assert not router.is_authorized(MAC, IP)
    assert not router.tables[cookies].rows
    assert refusal(router, password="new") == ""
    assert router.tables[cookies].rows
    router.host_seen(MAC, "10.5.50.99")
    assert not router.tables[cookies].rows


def test_without_mac_cookie_on_both_sides_there_is_no_cookie() -> None:
    """facts/mikrotik.md 3.4: server login-by and profile add-mac-cookie."""
    for path, row, change in (
        ("/ip/hotspot/profile", "hs-prof", {"login-by": "http-pap"}),
        ("/ip/hotspot/user/profile", "default", {"add-mac-cookie": "no"}),
    ):
        router, _ = make_router()
        router.tables[path].set(row, change)
        add_user(router)
        enter(router)
        assert not router.tables["/ip/hotspot/cookie"].rows


def test_a_reboot_empties_active_and_host_and_loses_the_running_use() -> None:
    """facts/mikrotik.md 3.4, 1.2: new ids, cookies survive, uptime starts again."""
    router, clock = make_router()
    add_user(router, limit_uptime="1h")
    enter(router)
    before = active(router)[".id"]
    clock.advance(30 * MINUTE)
    router.host_seen(MAC, IP)
    router.reboot()
    assert router.host_of(IP) is None
    assert user_row(router)["uptime"] == "0s"
    assert router.uptime_ms == 0
    router.host_seen(MAC, IP)
    assert active(router)["login-by"] == "mac-cookie"
    assert active(router)[".id"] != before


def test_periodic_saving_keeps_what_was_saved_over_a_reboot() -> None:
    """facts/mikrotik.md 11: how often is not settled, so a switch."""
    router, clock = make_router(faults=Faults(save_uptime_every_s=600))
    set_profile(router, keepalive_timeout="none")
    add_user(router)
    enter(router)
    clock.advance(25 * MINUTE)
    router.reboot()
    assert user_row(router)["uptime"] == "20m"


@pytest.mark.parametrize("kind, inside, blocked", [("bypassed", True, False), ("blocked", False, True)])
def test_an_ip_binding_stands_above_the_login(kind: str, inside: bool, blocked: bool) -> None:
    """facts/mikrotik.md 3.2."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.tables["/ip/hotspot/ip-binding"].add({"mac-address": MAC.lower(), "type": kind})
    assert (router.is_authorized(MAC, IP), router.is_blocked(MAC)) == (inside, blocked)
    assert not router.is_blocked(OTHER_MAC)


def test_a_translated_host_logs_in_with_its_translated_address() -> None:
    """facts/mikrotik.md 3.3: to-address."""
    router, _ = make_router()
    add_user(router)
    router.host_seen(MAC, "192.168.7.7", to_address=IP)
    with pytest.raises(LoginRefused, match=r"unknown host IP 192\.168\.7\.7"):
        router.hotspot.login("192.168.7.7", "guest", "pw", None, "http-pap")
    router.hotspot.login(IP, "guest", "pw", None, "http-pap")
    assert router.is_authorized(MAC, "192.168.7.7")
    host = router.host_of(IP)
    assert host is not None
    assert (host["address"], host["to-address"]) == ("192.168.7.7", IP)


def test_device_mode_makes_the_server_inactive_and_the_network_open() -> None:
    """facts/mikrotik.md 8.1."""
    router, _ = make_router(faults=Faults(device_mode_hotspot=False))
    servers = router.tables["/ip/hotspot"]
    assert servers.view(servers.row("hs1"))[".about"] == "inactivated, not allowed by device-mode"
    router.host_seen(MAC, IP)
    assert router.host_of(IP) is None


def test_the_host_garden_helps_plain_http_and_the_ip_garden_everything() -> None:
    """facts/mikrotik.md 5."""
    router, _ = make_router()
    router.tables["/ip/hotspot/walled-garden"].add({"dst-host": "*.portal.test", "path": "/p*"})
    router.tables["/ip/hotspot/walled-garden/ip"].add({"dst-host": "portal.test", "dst-port": "443"})
    router.tables["/ip/hotspot/walled-garden/ip"].add({"dst-address": "203.0.113.0/24"})
    assert router.garden_host_allows("a.portal.test", 80, "/p/1")
    assert not router.garden_host_allows("portal.test", 80, "/p/1")
    assert not router.garden_host_allows("a.portal.test", 80, "/x")
    assert router.garden_ip_allows("portal.test", None, 443)
    assert not router.garden_ip_allows("portal.test", None, 80)
    assert not router.garden_ip_allows("sub.portal.test", None, 443)
    assert router.garden_ip_allows("x.test", "203.0.113.9", 25)


def test_the_log_tells_logins_and_logouts() -> None:
    """facts/mikrotik.md 3.4."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.logout(IP, "user request")
    messages = [row["message"] for row in router.tables["/log"].rows.values()]
    assert f"guest ({IP}): logged in" in messages
    assert f"guest ({IP}): logged out: user request" in messages


def test_a_disabled_server_takes_its_hosts_with_it() -> None:
    """facts/mikrotik.md 4.3 shutting-down."""
    router, _ = make_router()
    add_user(router)
    enter(router)
    router.tables["/ip/hotspot"].set("hs1", {"disabled": "yes"})
    assert not router.tables["/ip/hotspot/host"].rows
    assert not router.tables["/ip/hotspot/active"].rows


def test_a_limit_lowered_below_the_use_ends_the_session_now() -> None:
    router, clock = make_router(faults=Faults(limits_reach_running_session=True))
    add_user(router, limit_uptime="1h")
    enter(router)
    clock.advance(90 * SECOND)
    router.tables["/ip/hotspot/user"].set("guest", {"limit-uptime": "1m"})
    assert not router.is_authorized(MAC, IP)
    assert user_row(router)["uptime"] == "1m30s"


def test_a_host_comment_may_hold_any_bytes() -> None:
    """facts/mikrotik.md 1.1: DHCP host names."""
    router, _ = make_router(faults=Faults(host_comments={MAC: "Jos\udce9"}))
    router.host_seen(MAC, IP)
    assert (router.host_of(IP) or {})["comment"] == "Jos\udce9"


def test_a_user_name_is_unique_for_its_server() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router()
    add_user(router)
    add_user(router, server="hs1")
    with pytest.raises(Trap, match="failure: already have user with this name for this server"):
        add_user(router)
