"""The hotspot's pages: those of the html directory, and short stock ones where it has none."""

from __future__ import annotations

from collections.abc import Mapping

_HEAD = (
    "<!doctype html><html><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>$(identity)</title>%s</head><body>"
)
_TAIL = "</body></html>"
_REDIRECT = "$(if http-status == 302)Hotspot redirect$(endif)$(if http-header == Location)%s$(endif)"


def _page(body: str, head: str = "") -> bytes:
    return (_HEAD % head + body + _TAIL).encode()


STOCK: Mapping[str, bytes] = {
    "redirect.html": (_REDIRECT % "$(link-redirect)").encode() + _page("<a href='$(link-redirect)'>On</a>"),
    "rlogin.html": (_REDIRECT % "$(link-redirect)").encode() + _page("<a href='$(link-redirect)'>Log in</a>"),
    "login.html": _page(
        "<h1>Log in to $(identity)</h1>$(if error)<p id=error>$(error)</p>$(endif)"
        "<form method=post action='$(link-login-only)'><input type=hidden name=dst value='$(link-orig)'>"
        "<input type=hidden name=popup value=true><label>User <input name=username value='$(username)'></label>"
        "<label>Password <input name=password type=password></label><button>OK</button></form>"
    ),
    "alogin.html": _page(
        "<h1>You are logged in</h1><p><a href='$(link-redirect)'>Go on</a>",
        "<meta http-equiv=refresh content='2; url=$(link-redirect)'>",
    ),
    "status.html": _page(
        "<h1>Welcome $(username)</h1><table><tr><td>address<td>$(ip)<tr><td>up/down<td>"
        "$(bytes-in-nice) / $(bytes-out-nice)<tr><td>online<td>$(uptime)"
        "$(if session-time-left)<tr><td>time left<td>$(session-time-left)$(endif)</table>"
        "<form action='$(link-logout)'><button>Log off</button></form>",
        "$(if refresh-timeout)<meta http-equiv=refresh content='$(refresh-timeout-secs)'>$(endif)",
    ),
    "logout.html": _page(
        "<h1>You have logged off</h1><p>$(username) $(ip) $(uptime)"
        "<form action='$(link-login)'><button>Log in</button></form>"
    ),
    "error.html": _page("<h1>Hotspot error</h1><p id=error>$(error)</p><a href='$(link-login)'>Log in</a>"),
    "api.json": (
        b'{"captive": $(if logged-in == yes)false$(else)true$(endif), "user-portal-url": "$(link-login-only)"'
        b'$(if session-timeout-secs != 0), "seconds-remaining": $(session-timeout-secs)$(endif)'
        b'$(if remain-bytes-total != ---), "bytes-remaining": $(remain-bytes-total)$(endif)'
        b', "can-extend-session": true}'
    ),
    "errors.txt": b"""\
internal-error = internal error ($(error-orig))
config-error = configuration error ($(error-orig))
not-logged-in = you are not logged in (ip $(ip))
ippool-empty = cannot assign ip address - no more free addresses from pool
shutting-down = hotspot service is shutting down
user-session-limit = no more sessions are allowed for user $(username)
license-session-limit = session limit reached ($(error-orig))
wrong-mac-username = invalid username ($(username)): this MAC address is not yours
chap-missing = web browser did not send challenge response (try again, enable JavaScript)
invalid-username = invalid username or password
otp-already-used = this OTP token is already used
invalid-mac = user $(username) is not allowed to log in from this MAC address
uptime-limit = user $(username) has reached uptime limit
traffic-limit = user $(username) has reached traffic limit
radius-timeout = RADIUS server is not responding
auth-in-progress = already authorizing, retry later
radius-reply = $(error-orig)
""",
}


class Pages:
    """One html directory as the servlet sees it.

    `html-directory-override` wins if it is there; a directory that is not there means the stock pages,
    silently (facts/mikrotik.md 4.4).
    """

    def __init__(self, files: Mapping[str, bytes], profile: Mapping[str, str]) -> None:
        names = (profile.get("html-directory-override", ""), profile.get("html-directory", "hotspot"))
        found = ({} if not name else _inside(files, name) for name in names)
        self._own: Mapping[str, bytes] = next((own for own in found if own), STOCK)

    def file(self, name: str) -> bytes | None:
        return self._own.get(name)

    def first(self, *names: str, folder: str = "") -> bytes | None:
        """The first page that exists, in the language's folder before the directory itself."""
        places = [folder + name for name in names] + list(names)
        return next((self._own[place] for place in places if place in self._own), None)

    def stock(self, name: str) -> bytes:
        return STOCK[name]

    def has_folder(self, folder: str) -> bool:
        return any(name.startswith(folder) for name in self._own)

    def error_text(self, key: str) -> str:
        for source in (self._own.get("errors.txt", b""), STOCK["errors.txt"]):
            texts = dict(_error_lines(source.decode("utf-8", "replace")))
            if key in texts:
                return texts[key]
        return "$(error-orig)"


def _inside(files: Mapping[str, bytes], folder: str) -> Mapping[str, bytes]:
    start = folder.strip("/") + "/"
    return {name.removeprefix(start): data for name, data in files.items() if name.startswith(start)}


def _error_lines(text: str) -> list[tuple[str, str]]:
    lines = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [(key.strip(), value.strip()) for key, equals, value in lines if equals]
