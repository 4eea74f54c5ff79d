"""The script by which a router calls us each minute, and the steps that put it there (decision 44).

It tells how the router is, hears which version of its wishes there is, and pulls them where that is a later one. What
it pulls is data: nothing of it is ever run, parsed or imported. It is believed only when it is whole, is meant for
this router, answers this very question, is later than what was done, and holds no kind that the script does not know;
on version 7 it is signed as well, by keys that are never sent. Version 6 has nothing to compare a signature with:
there the certificate of the connection is the only proof (facts/mikrotik.md 8.1).
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from portal.errors import Misconfigured
from portal.mikrotik import radius_steps
from portal.mikrotik.script import Act, Row, Step, block, missing, quote, refuse, when

if TYPE_CHECKING:
    from portal.mikrotik.provisioning import ScriptOptions

SCRIPT, APPLIED = "bando-call", "bando-applied"
AUTHORITY = "bando-authority.pem"
RADIUS = radius_steps.COMMENT
PAY = "bando: pay at "
LONGEST = 3_500  # of what is pulled; a variable of version 6 holds 4,096
MOST_AUTHORITY = 3_800
# Fetching takes `test`, and from 7.13 on `ftp`; a scheduler gives no more than it has.
POLICY = "ftp,read,write,test"

SENTENCES = {
    "clock": "the clock is not set, so no certificate can be checked; see /system ntp client",
    "beat": "the portal was not reached, is not trusted, or does not know this router",
    "answer": "what answered was not the portal; is there a login page on the way?",
    "pull": "the wishes could not be fetched",
    "long": "the wishes are too long; nothing was changed",
    "cut": "the wishes are not whole; nothing was changed",
    "head": "the wishes are for another router, another question or an older time; nothing was changed",
    "signature": "the wishes are not signed by Bando; nothing was changed",
    "kind": "the wishes hold something that this script does not know; import its script again",
    "apply": "a wish could not be fulfilled; it is tried again",
}


@dataclass(frozen=True, kw_only=True)
class Calling:
    """What the script needs to call: the token that it sends, the keys of signing, and whom to trust (PEM)."""

    token: str = field(repr=False)
    inner: str = field(repr=False)
    outer: str = field(repr=False)
    authority: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.authority.isascii() or len(self.authority) > MOST_AUTHORITY:
            raise Misconfigured(f"BANDO_ROUTER_AUTHORITY holds more than {MOST_AUTHORITY} letters of PEM.")
        self.fingerprints()

    def fingerprints(self) -> list[str]:
        """SHA-256 of each certificate in it; raises `Misconfigured`."""
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        parts = [begin + each.partition(end)[0] + end for each in self.authority.split(begin)[1:]]
        try:
            found = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(each)).hexdigest() for each in parts]
        except ValueError:
            found = []
        if not found:
            raise Misconfigured("BANDO_ROUTER_AUTHORITY does not name a file with a CA certificate in PEM.")
        return found


def authority_of(path: str) -> str:
    """What BANDO_ROUTER_AUTHORITY names; raises `Misconfigured`."""
    if not path:
        raise Misconfigured(
            "Set BANDO_ROUTER_AUTHORITY to the file (PEM) with the CA certificate by which routers know the portal."
        )
    try:
        return Path(path).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"The file {path} that BANDO_ROUTER_AUTHORITY names cannot be read as PEM.") from None


def guards(options: ScriptOptions) -> list[str]:
    """Refusals before anything is changed: a version 7 that cannot compare signatures, or that may not call."""
    if options.calling is None or options.version == 6:
        return []
    look = '[:parse ":return [:convert bando from=raw to=hex transform=sha512]"]'
    old = block(
        ":local able true",
        f":do {{ :local look {look}; :local digest [$look] }} on-error={{ :set able false }}",
        refuse("$able = false", "a router that calls needs RouterOS 7.12 or later; update it, and import again"),
    )
    return [old, _allowed()]


def _allowed() -> str:
    """Version 7 before 7.17 has no such menu: it is read only when it is run."""
    denied = " || ".join(f'(${each} = false) || (${each} = "no")' for each in ("clockwork", "fetching"))
    return block(
        ":local clockwork true",
        ":local fetching true",
        _device_mode("scheduler", "clockwork"),
        _device_mode("fetch", "fetching"),
        refuse(
            denied,
            "device-mode forbids calls; run /system device-mode update scheduler=yes fetch=yes,"
            " then press the reset button or cut the power within five minutes, and import again",
        ),
    )


def _device_mode(name: str, into: str) -> str:
    look = f'[:parse ":return [/system device-mode get {name}]"]'
    return f":do {{ :local look {look}; :set {into} [$look] }} on-error={{}}"


def steps(options: ScriptOptions, page: list[str]) -> list[Step]:
    """Whom to trust, what was done, the script and its clockwork. `page`: script that writes the file of the
    authority."""
    if options.calling is None:
        return []
    applied = {"source": "0", "policy": "read"}
    script = {"policy": POLICY, "source": source(options, options.calling)}
    # From the start of the router on: a time of its clock would be one of 1970, and might never come (facts 8.2).
    clockwork = {"start-time": "startup", "interval": "1m", "policy": POLICY, "disabled": "no"}
    return [
        _authority(options.calling, page),
        Row(
            what="the number of the wishes that were done",
            menu="/system script",
            key={"name": APPLIED},
            rest=applied,
            renew=False,  # what was done is not forgotten
        ),
        Row(what="the script that calls", menu="/system script", key={"name": SCRIPT}, rest=script),
        Row(
            what="the clockwork of the calls",
            menu="/system scheduler",
            key={"name": SCRIPT},
            # The bare name would run it with no policy at all, and say nothing.
            rest={**clockwork, "on-event": f"/system script run {SCRIPT}"},
        ),
        Act(what="a first call", script=_first_call()),
    ]


def _authority(calling: Calling, page: list[str]) -> Act:
    gap = " || ".join(f"({missing('/certificate', {'fingerprint': each})})" for each in calling.fingerprints())
    take = '/certificate import file-name=$target passphrase=""'
    return Act(what="whom the router trusts", script=when(gap, block(*page, take)), unless=gap)


def _first_call() -> str:
    """It may fail, since the clock may not be set yet: then it is said, and the next minute comes."""
    return block(
        ":global bandoSaid",
        f":do {{ /system script run {SCRIPT} }} on-error={{}}",
        when(
            "[:len $bandoSaid] = 0",
            ':put "bando: the portal has heard this router"',
            otherwise=[':put ("bando: the first call did not get through: " . $bandoSaid)'],
        ),
    )


# -- the script ---------------------------------------------------------------------------------------


def source(options: ScriptOptions, calling: Calling) -> str:
    """The text of the script, as it stands on the router."""
    url = f"{options.portal_url.rstrip('/')}/call/{options.router_public}"
    return "\n".join(
        (
            ":global bandoSaid",
            ':local note ""',
            f':local head "Authorization: Bearer {calling.token}"',
            f":local url {quote(url)}",
            f':local applied [:tonum [/system script get [/system script find name="{APPLIED}"] source]]',
            when('[:typeof $applied] != "num"', ":set applied 0"),
            ":local wanted $applied",
            ':local body ""',
            when('[:typeof [:find [:tostr [/system clock get date]] "1970"]] = "num"', ':set note "clock"'),
            when('$note = ""', _tried(_beat(), "beat")),
            when('($note = "") && ($wanted > $applied)', _tried(_pull(options, calling), "pull")),
            when('($note = "") && ($wanted > $applied)', _tried(_apply(options), "apply")),
            *_said(),
        )
    )


def _tried(lines: list[str], otherwise: str) -> str:
    inside = "\n".join(f"  {line}" for text in lines for line in text.split("\n"))
    return f':do {{\n{inside}\n}} on-error={{ :if ($note = "") do={{ :set note "{otherwise}" }} }}'


def _fetch(page: str, data: str) -> str:
    return (
        f'[/tool fetch url=($url . "/{page}") http-method=post http-data={data} http-header-field=$head'
        " check-certificate=yes output=user as-value]"
    )


def _beat() -> list[str]:
    """The name comes last: whatever stands in it, the values before it count."""
    told = (
        '("bando 1\\napplied=" . $applied . "\\ntrouble=" . $bandoSaid'
        ' . "\\nversion=" . [/system resource get version] . "\\nuptime=" . [/system resource get uptime]'
        ' . "\\nboard=" . [/system resource get board-name] . "\\nmemory=" . [/system resource get free-memory]'
        ' . "\\nonline=" . [:len [/ip hotspot active find]] . "\\nidentity=" . [/system identity get name] . "\\n")'
    )
    return [
        f":local told {told}",
        f":local answer {_fetch('beat', '$told')}",
        ':set wanted [:tonum ($answer->"data")]',
        when('[:typeof $wanted] != "num"', ':set note "answer"'),
    ]


def _pull(options: ScriptOptions, calling: Calling) -> list[str]:
    """Each check looks only where those before it were content."""
    begin = f'("bando 1 {options.router_public} " . $wanted . " " . $nonce . "\\n")'
    return [
        ':local nonce ([/system resource get uptime] . "-" . [/system clock get time])',
        ':local asked ("bando 1\\nnonce=" . $nonce . "\\n")',
        f":local answer {_fetch('pull', '$asked')}",
        ':local text ($answer->"data")',
        ":local size [:len $text]",
        ':local cut [:find $text "\\nend "]',
        ':local mark ""',
        when(f"$size > {LONGEST}", ':set note "long"'),
        when('($note = "") && ([:typeof $cut] != "num")', ':set note "cut"'),
        when(
            '$note = ""',
            ":set body [:pick $text 0 ($cut + 1)]",
            ":set mark [:pick $text ($cut + 5) $size]",
            when("[:len $mark] != 128", ':set note "cut"'),
        ),
        when('$note = ""', *_signed(options, calling)),
        when(
            '$note = ""',
            f":local begin {begin}",
            when("[:pick $body 0 [:len $begin]] != $begin", ':set note "head"'),
            ":set body [:pick $body [:len $begin] [:len $body]]",
        ),
    ]


def _signed(options: ScriptOptions, calling: Calling) -> list[str]:
    if options.version == 6:
        return [":nothing"]  # it cannot be compared here
    return [
        f':local inside [:convert ("{calling.inner}" . $body) from=raw to=hex transform=sha512]',
        f':local outside [:convert ("{calling.outer}" . $inside) from=raw to=hex transform=sha512]',
        when("$outside != $mark", ':set note "signature"'),
    ]


def _apply(options: ScriptOptions) -> list[str]:
    """Twice over the lines: whether each kind is known, so that nothing is done by halves; then what is wished."""
    known = " && ".join(f'($kind != "{each}")' for each in _kinds(options))
    return [
        ':local pays "|"',
        _each_line(when(known, ':set note "kind"')),
        when(
            '$note = ""',
            _each_line(*_wishes(options)),
            *_no_others(),
            f'/system script set [/system script find name="{APPLIED}"] source=[:tostr $wanted]',
            ':log info ("bando: fulfilled wishes number " . $wanted)',
        ),
    ]


def _kinds(options: ScriptOptions) -> tuple[str, ...]:
    return ("pay", "radius") if options.version == 6 else ("pay", "page", "radius")


def _each_line(*act: str) -> str:
    lines = (
        ":local at 0",
        ":local last [:len $body]",
        ":while ($at < $last) do={",
        '  :local stop [:find $body "\\n" ($at - 1)]',
        "  :local line [:pick $body $at $stop]",
        "  :set at ($stop + 1)",
        '  :local space [:find $line " "]',
        "  :local kind [:pick $line 0 $space]",
        "  :local value [:pick $line ($space + 1) [:len $line]]",
        *(f"  {line}" for text in act for line in text.split("\n")),
        "}",
    )
    return block(*lines)


def _wishes(options: ScriptOptions) -> list[str]:
    garden = "/ip hotspot walled-garden ip"
    comment = f'("{PAY}" . $value)'
    pay = when(
        '$kind = "pay"',
        ':set pays ($pays . $value . "|")',
        when(
            f"[:len [{garden} find comment={comment}]] = 0",
            f"{garden} add dst-host=$value action=accept comment={comment}",
        ),
    )
    radius = when(
        '$kind = "radius"',
        f':foreach row in=[/radius find comment="{RADIUS}"] do={{ /radius set $row secret=$value }}',
    )
    return [pay, radius, *([] if options.version == 6 else [when('$kind = "page"', *_page(options))])]


def _page(options: ScriptOptions) -> list[str]:
    """A page is written only when another one stands there, and only when what was fetched is the one that is meant."""
    base = f"{options.portal_url.rstrip('/')}/router-files/{options.router_public}/"
    digest = "[:pick [:convert {} from=raw to=hex transform=sha512] 0 32]"
    return [
        ':local gap [:find $value " "]',
        # Not `name`: in a `find` that would be the name of each row.
        ":local leaf [:pick $value 0 $gap]",
        ":local wish [:pick $value ($gap + 1) [:len $value]]",
        f':local target ("{options.directory}/" . $leaf)',
        f':if ([:len [/file find name="flash"]] > 0) do={{ :set target ("flash/{options.directory}/" . $leaf) }}',
        when("[:len [/file find name=$target]] = 0", ':error "bando: a page is missing"'),
        ":local there [/file get [/file find name=$target] contents]",
        when(
            f"{digest.format('$there')} != $wish",
            f":local got [/tool fetch url=({quote(base)} . $leaf) check-certificate=yes output=user as-value]",
            ':local page ($got->"data")',
            when(f"{digest.format('$page')} != $wish", ':error "bando: another page came"'),
            "/file set [/file find name=$target] contents=$page",
        ),
    ]


def _no_others() -> list[str]:
    """Payment pages that are not wished any more are closed; rows of somebody else stay."""
    garden, length = "/ip hotspot walled-garden ip", len(PAY)
    return [
        f":foreach row in=[{garden} find] do={{",
        f"  :local said [:tostr [{garden} get $row comment]]",
        f'  :if ([:pick $said 0 {length}] = "{PAY}") do={{',
        f'    :local host ("|" . [:pick $said {length} [:len $said]] . "|")',
        f'    :if ([:typeof [:find $pays $host]] != "num") do={{ {garden} remove $row }}',
        "  }",
        "}",
    ]


def _said() -> list[str]:
    """What went wrong stands in the log once, and so does that it is well again."""
    words = [f'    :if ($note = "{note}") do={{ :set words "{text}" }}' for note, text in SENTENCES.items()]
    return [
        ':if ($note != ("" . $bandoSaid)) do={',
        '  :if ($note = "") do={',
        '    :log info "bando: the calls get through again"',
        "  } else={",
        '    :local words ""',
        *words,
        '    :log warning ("bando: " . $words)',
        "  }",
        "}",
        ":set bandoSaid $note",
    ]
