"""The sandbox router as a RADIUS client (facts/mikrotik.md section 6)."""

from __future__ import annotations

import asyncio

from portal.clock import HOUR, MINUTE, SECOND
from sandbox.radius import packet
from sandbox.radius.packet import Code, Packet, chap_answer
from sandbox.radius.words import Value
from sandbox.routeros.device import LoginRefused
from tests.sandbox.radius import IP, MAC, SECRET, Site, accepts, rejects, site
from tests.sandbox.routeros import active, raw_client, served

ALLOW: dict[str, Value] = {"Session_Timeout": 3600, "Class": b"one"}


def only(asked: list[Packet]) -> Packet:
    assert len(asked) == 1
    return asked[0]


async def test_a_login_asks_with_everything_that_the_vendor_lists_and_the_mark_first() -> None:
    async with site(accepts(**ALLOW)) as here:
        await here.login()
        assert here.online()
        asked = only(here.server.logins)
        assert asked.attributes[0][0] == "Message-Authenticator"
        said = {
            name: value for name, value in asked.attributes if name not in ("Message-Authenticator", "User-Password")
        }
        assert said == {
            "Service-Type": 1,
            "NAS-Port-Type": 19,
            "Calling-Station-Id": MAC,
            "Called-Station-Id": "hs1",
            "NAS-Port-Id": "ether2",
            "User-Name": "guest",
            "NAS-Port": 1,
            "Acct-Session-Id": "80010001",
            "Framed-IP-Address": IP,
            "Mikrotik-Host-IP": IP,
            "NAS-Identifier": "site-1",
            "NAS-IP-Address": "127.0.0.21",
        }
        assert here.server.password(asked) == "pw"
        assert active(here.router)["radius"] == "true"


async def test_local_users_come_first() -> None:
    async with site(rejects()) as here:
        here.router.tables["/ip/hotspot/user"].add({"name": "guest", "password": "pw"})
        await here.login()
        assert here.online()
        assert here.server.asked == []


async def test_a_disabled_local_user_is_not_looked_for_elsewhere() -> None:
    async with site(accepts()) as here:
        here.router.tables["/ip/hotspot/user"].add({"name": "guest", "password": "pw", "disabled": "yes"})
        await here.login()
        assert not here.online()
        assert here.server.asked == []


async def test_the_accept_is_obeyed() -> None:
    words: dict[str, Value] = {"Session_Timeout": 600, "Idle_Timeout": 300, "Mikrotik_Rate_Limit": "1M/2M"}
    async with site(accepts(**words, Mikrotik_Total_Limit=5, Mikrotik_Total_Limit_Gigawords=1)) as here:
        await here.login()
        row = active(here.router)
        assert (row["session-time-left"], row["limit-bytes-total"]) == ("10m", str((1 << 32) + 5))
        here.router.count(MAC, IP, up=1, down=1 << 32)
        assert here.online()
        here.router.count(MAC, IP, up=4, down=0)
        assert not here.online()
        await here.until(lambda: here.server.of(2))
        assert only(here.server.of(2)).get("Acct-Terminate-Cause") == 10


async def test_the_session_ends_at_its_timeout_and_says_so() -> None:
    async with site(accepts(**ALLOW)) as here:
        await here.login()
        await here.later(HOUR + 5 * SECOND)
        assert not here.online()
        stop = only(here.server.of(2))
        assert (stop.get("Acct-Terminate-Cause"), stop.get("Acct-Session-Time")) == (5, 3600)
        assert stop.get("Class") == b"one"


async def test_idleness_ends_it() -> None:
    async with site(accepts(Idle_Timeout=60)) as here:
        await here.login()
        await here.later(MINUTE + SECOND)
        assert only(here.server.of(2)).get("Acct-Terminate-Cause") == 4


async def test_port_limit_is_the_number_of_sessions_of_a_name() -> None:
    async with site(accepts(Port_Limit=2)) as here:
        let_in = [await enters(here, number) for number in (1, 2, 3)]
        assert let_in == ["", "", "user-session-limit"]


async def enters(here: Site, number: int) -> str:
    """A further device with the same name: why it is refused, or nothing."""
    address = f"10.5.50.10{number}"
    here.router.host_seen(f"AA:BB:CC:00:01:0{number}", address)
    await here.router.ask_radius(ip=address, user="guest", password="pw", by="http-pap")
    try:
        here.router.login(ip=address, user="guest", password="pw", by="http-pap")
    except LoginRefused as refused:
        return refused.key
    return ""


async def test_a_rate_that_makes_no_queue_breaks_the_login() -> None:
    async with site(accepts(Mikrotik_Rate_Limit="2M/2M 1M/1M")) as here:
        await here.login()
        assert not here.online()
        assert "failed to add queue" in here.errors[-1]
        assert here.server.of(1) == []


async def test_the_words_of_a_reject_reach_the_page() -> None:
    async with site(rejects(Reply_Message="Your time is over")) as here:
        page = (await here.login()).body.decode()
        assert "Your time is over" in page
        assert not here.online()


async def test_chap_proves_the_password_without_telling_it() -> None:
    async with site(accepts(), login_by="http-chap") as here:
        shown = here.router.challenge(IP)
        assert shown is not None
        await here.login(password=chap_answer(shown[0], "pw", shown[1]).hex())
        asked = only(here.server.logins)
        assert asked.get("User-Password") is None
        assert asked.get("CHAP-Challenge") == shown[1]
        assert asked.get("CHAP-Password") == bytes((shown[0],)) + chap_answer(shown[0], "pw", shown[1])


async def test_chap_lets_a_local_user_in_too() -> None:
    async with site(rejects(), login_by="http-chap") as here:
        here.router.tables["/ip/hotspot/user"].add({"name": "guest", "password": "pw"})
        shown = here.router.challenge(IP)
        assert shown is not None
        await here.login(password=chap_answer(shown[0], "other", shown[1]).hex())
        assert not here.online()
        await here.login(password=chap_answer(shown[0], "pw", shown[1]).hex())
        assert here.online()


async def test_a_new_host_is_asked_about_by_its_mac() -> None:
    async with site(accepts(), seen=False, login_by="http-pap,mac", radius_mac_format="XX-XX-XX-XX-XX-XX") as here:
        here.router.host_seen(MAC, IP)
        await here.until(here.online)
        asked = only(here.server.logins)
        assert asked.text("User-Name") == asked.text("Calling-Station-Id") == MAC.replace(":", "-")
        assert here.server.password(asked) == ""
        assert active(here.router)["login-by"] == "mac"


async def test_the_password_of_mac_authentication_may_be_the_mac() -> None:
    both = "mac-as-username-and-password"
    async with site(accepts(), seen=False, login_by="http-pap,mac", mac_auth_mode=both) as here:
        here.router.host_seen(MAC, IP)
        await here.until(here.online)
        assert here.server.password(only(here.server.logins)) == MAC


async def test_a_mac_that_is_refused_gets_the_login_page() -> None:
    async with site(rejects(), seen=False, login_by="http-pap,mac") as here:
        here.router.host_seen(MAC, IP)
        await here.until(lambda: here.errors)
        assert not here.online()
        here.server.answer = accepts()
        await here.login()
        assert here.online()


async def test_nobody_answers() -> None:
    async with site(lambda asked: None) as here:
        page = (await here.login()).body.decode()
        assert "RADIUS server is not responding" in page
        assert len(here.server.logins) == 3
        assert len({each.wire for each in here.server.logins}) == 1
        (counts,) = (each.counts for each in here.line.monitors.values())
        assert (counts["resends"], counts["timeouts"]) == (2, 1)


async def test_while_it_is_asked_a_second_login_has_to_wait() -> None:
    async with site(lambda asked: None, timeout="200ms") as here:
        first = asyncio.create_task(here.login())
        await here.until(lambda: here.server.logins)
        assert "already authorizing" in (await here.login()).body.decode()
        await first


async def test_answers_without_the_mark_are_dropped_silently() -> None:
    async with site(accepts()) as here:
        here.server.marked = False
        page = (await here.login()).body.decode()
        assert not here.online()
        assert "RADIUS server is not responding" in page
        (counts,) = (each.counts for each in here.line.monitors.values())
        assert counts["bad-replies"] == 3
        here.router.tables["/radius"].set("*1", {"require-message-auth": "no"})
        await here.login()
        assert here.online()


async def test_answers_of_somebody_who_does_not_know_the_secret_are_dropped() -> None:
    async with site(accepts()) as here:
        here.server.secret = b"another"
        await here.login()
        assert not here.online()
        here.server.secret = SECRET.encode()
        here.router.faults.radius.wrong_secret = True
        await here.login()
        assert not here.online()


async def test_a_session_is_told_from_start_to_stop() -> None:
    async with site(accepts(**ALLOW, Acct_Interim_Interval=60)) as here:
        await here.login()
        await here.until(lambda: here.server.of(1))
        here.router.count(MAC, IP, up=7, down=(1 << 32) + 9)
        await here.later(61 * SECOND)
        update = only(here.server.of(3))
        assert (update.get("Acct-Input-Octets"), update.get("Acct-Input-Gigawords")) == (7, 0)
        assert (update.get("Acct-Output-Octets"), update.get("Acct-Output-Gigawords")) == (9, 1)
        assert update.get("Acct-Session-Time") == 61
        here.router.logout(IP, "user request")
        await here.until(lambda: here.server.of(2))
        stop = only(here.server.of(2))
        assert stop.get("Acct-Terminate-Cause") == 1
        assert {each.get("Acct-Session-Id") for each in here.server.asked} == {"80010001"}
        assert all(packet.proves_request(each.wire, SECRET.encode()) for each in here.server.of(2))


async def test_the_interval_is_the_servers_only_where_it_may_be() -> None:
    async with site(accepts(Acct_Interim_Interval=60), radius_interim_update="5m") as here:
        await here.login()
        await here.later(61 * SECOND)
        assert here.server.of(3) == []
        await here.later(4 * MINUTE)
        assert only(here.server.of(3)).get("Acct-Session-Time") == 301


async def test_no_accounting_where_it_is_off() -> None:
    async with site(accepts(), radius_accounting="no") as here:
        await here.login()
        here.router.logout(IP, "user request")
        await here.later(SECOND)
        assert [each.code for each in here.server.asked] == [Code.ACCESS_REQUEST]


async def test_a_reboot_tells_and_counts_boots_in_its_session_ids() -> None:
    async with site(accepts()) as here:
        await here.login()
        here.router.reboot()
        await here.until(lambda: here.server.of(7))
        assert only(here.server.of(2)).get("Acct-Terminate-Cause") == 11
        assert len(here.server.of(8)) == 1
        here.router.host_seen(MAC, IP)
        await here.login()
        assert here.server.logins[-1].text("Acct-Session-Id") == "80020001"


async def test_a_power_cut_tells_nothing_and_ids_may_come_again() -> None:
    async with site(accepts()) as here:
        here.router.faults.radius.ids_restart = True
        await here.login()
        here.router.powered = False
        here.router.powered = True
        await here.until(lambda: here.server.of(7))
        assert here.server.of(2) == here.server.of(8) == []
        here.router.host_seen(MAC, IP)
        await here.login()
        assert {each.text("Acct-Session-Id") for each in here.server.logins} == {"80010001"}


async def test_stops_may_be_lost_and_counters_may_be_turned_round() -> None:
    async with site(accepts()) as here:
        here.router.faults.radius.lost_stops = here.router.faults.radius.swapped = True
        await here.login()
        here.router.count(MAC, IP, up=5, down=8)
        here.router.tables["/ip/hotspot/profile"].set("hs-prof", {"radius-interim-update": "1m"})
        session = next(iter(here.router.hotspot.sessions.values()))
        session.next_interim = 0
        await here.later(SECOND)
        assert only(here.server.of(3)).get("Acct-Input-Octets") == 8
        here.router.logout(IP, "user request")
        await here.later(SECOND)
        assert here.server.of(2) == []


async def test_doubled_lost_and_late_packets() -> None:
    async with site(accepts(), timeout="30ms") as here:
        faults = here.router.faults.radius
        faults.doubled = 1
        await here.login()
        assert [each.wire for each in here.server.logins[:1]] * 2 == [each.wire for each in here.server.logins]
        here.router.logout(IP, "user request")
        faults.doubled, faults.late_ms = 0, 40
        await here.login()
        assert here.online()  # the answer to the first came while the second was waited for
        here.router.logout(IP, "user request")
        faults.late_ms, faults.loss = 0, 1
        before = len(here.server.logins)
        await here.login()
        assert not here.online()
        assert len(here.server.logins) == before


async def test_a_repeat_may_be_a_new_packet_that_says_how_late_it_is() -> None:
    async with site(lambda asked: None, timeout="600ms") as here:
        here.router.faults.radius.anew = True
        here.router.reboot()
        await here.until(lambda: len(here.server.of(7)) == 3)
        assert len({each.wire for each in here.server.of(7)}) == 3 or here.server.of(7)[1].get("Acct-Delay-Time") == 0
        assert here.server.of(7)[-1].get("Acct-Delay-Time") == 1


async def test_a_clock_of_1970_stands_in_the_timestamps() -> None:
    async with site(accepts()) as here:
        here.router.faults.clock_1970 = True
        await here.login()
        await here.until(lambda: here.server.of(1))
        stamp = only(here.server.of(1)).number("Event-Timestamp")
        assert stamp is not None
        assert stamp < 400 * 86_400


async def test_the_api_login_returns_before_radius_has_answered() -> None:
    async with site(accepts()) as here, served(here.router) as api, raw_client(api) as client:
        said = await client.talk("/ip/hotspot/active/login", f"=ip={IP}", "=user=guest", "=password=pw")
        assert said == [["!done"]]
        await here.until(here.online)
        words = (await client.talk("/radius/monitor", "=numbers=*1", "=once="))[0]
        assert "=accepts=1" in words or "=accepts=2" in words
