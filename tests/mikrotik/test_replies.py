"""What the recorded texts mean (facts/mikrotik.md 1.7, 3.1, 4.3)."""

from __future__ import annotations

import pytest

from portal.errors import RouterTrap
from portal.mikrotik.replies import Answer, answer_of, answer_to

RECORDED = [
    ("unknown host IP 10.5.50.9", Answer.UNKNOWN_HOST),
    ("unknown host IP 0.0.0.0", Answer.UNKNOWN_HOST),
    ("wrong MAC provided", Answer.WRONG_MAC),
    ("user bando-7 is not allowed to log in from this MAC address", Answer.WRONG_MAC),
    ("invalid username (AA:BB:CC:DD:EE:FF): this MAC address is not yours", Answer.WRONG_MAC),
    ("your uptime limit is reached", Answer.UPTIME_LIMIT),
    ("user bando-7 has reached uptime limit", Answer.UPTIME_LIMIT),
    ("user bando-7 has reached traffic limit", Answer.TRAFFIC_LIMIT),
    ("your traffic limit is reached", Answer.TRAFFIC_LIMIT),
    ("no more sessions are allowed for user", Answer.NO_MORE_SESSIONS),
    ("no more sessions are allowed for user bando-7", Answer.NO_MORE_SESSIONS),
    (
        "internal error: login failed: failed to add queue: download-burst-limit less than download-max-limit",
        Answer.FAILED_TO_ADD_QUEUE,
    ),
    ("session limit reached (licence allows 200)", Answer.LICENCE_FULL),
    ("already authorizing, retry later", Answer.ALREADY_AUTHORIZING),
    ("invalid username or password", Answer.BAD_CREDENTIALS),
    ("cannot assign ip address - no more free addresses from pool", Answer.NO_FREE_ADDRESS),
    ("RADIUS server is not responding", Answer.RADIUS_SILENT),
    ("hotspot service is shutting down", Answer.SHUTTING_DOWN),
    ("invalid user name or password (6)", Answer.LOGIN_REFUSED),
    ("cannot log in", Answer.LOGIN_REFUSED),
    ("no such item", Answer.NO_SUCH_ITEM),
    ("no such item (4)", Answer.NO_SUCH_ITEM),
    ("failure: already have user with this name for this server", Answer.DUPLICATE),
    ("failure: already have such entry", Answer.DUPLICATE),
    ("item with such name already exists", Answer.DUPLICATE),
    ("no such command", Answer.NO_SUCH_COMMAND),
    ("no such command prefix", Answer.NO_SUCH_COMMAND),
    ("no such command or directory (hotspot)", Answer.NO_SUCH_COMMAND),
    ("bad command name hotspot (line 1 column 5)", Answer.NO_SUCH_COMMAND),
    ("not enough permissions (9)", Answer.NOT_PERMITTED),
    ("unknown parameter", Answer.UNKNOWN_PARAMETER),
    ("unknown parameter limit-uptime", Answer.UNKNOWN_PARAMETER),
    ("input does not match any value of profile", Answer.BAD_VALUE),
    ("ambiguous value of profile, more than one possible value matches input", Answer.BAD_VALUE),
    ("invalid value for argument ip", Answer.BAD_VALUE),
    ("invalid value of mac-address, mac address required", Answer.BAD_VALUE),
    (
        "action timed out - try again, if error continues contact MikroTik support and send a supout file (13)",
        Answer.TIMED_OUT,
    ),
    ("interrupted", Answer.INTERRUPTED),
    ("action failed (6)", Answer.OTHER),
    ("", Answer.OTHER),
]


@pytest.mark.parametrize("text, expected", RECORDED)
def test_every_recorded_text_has_its_meaning(text: str, expected: Answer) -> None:
    assert answer_to(text) is expected
    assert answer_to(f"{text.upper()} (4)") is expected
    assert answer_to(f"internal error ({text})") is expected


def test_of_several_texts_the_known_one_counts() -> None:
    trap = RouterTrap("something new", others=("no such command prefix",))

    assert answer_of(trap) is Answer.NO_SUCH_COMMAND
