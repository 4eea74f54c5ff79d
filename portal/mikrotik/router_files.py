"""The pages that live on the router: each of them leads to the portal.

A page answers 200 with a refresh, a link and one line of script, since some phones ignore a redirect in answer to
their probe. The router has no HTML escaping, so only ``-esc`` values stand in a page (facts/mikrotik.md 4.2).
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).parent / "hotspot_files"

QUERY = (
    "mac=$(mac-esc)&ip=$(ip-esc)&link-login=$(link-login-only-esc)&link-orig=$(link-orig-esc)&error=$(error-orig-esc)"
)
INSIDE = "&in=$(logged-in)"
# Every page that the hotspot may show, the forms that it would show by itself included.
LEADING = (
    *("login.html", "rlogin.html", "alogin.html", "flogin.html", "redirect.html"),
    *("status.html", "rstatus.html", "fstatus.html", "logout.html", "flogout.html"),
)


def entry_url(portal_url: str, router_public: str) -> str:
    """Where the portal receives the guests of this router."""
    return f"{portal_url.rstrip('/')}/e/{router_public}"


def files(portal_url: str, router_public: str, mode: str = "api") -> dict[str, bytes]:
    """The router's pages by name; the portal serves the same bytes under /router-files/<router public>/<name>.

    At a router in RADIUS mode the guest's browser logs in: the pages of who is in say so, and after a login the browser
    is led on to where it wanted, which is our page.
    """
    entry = entry_url(portal_url, router_public)
    page, error = (_filled(name, _in_markup(f"{entry}?{QUERY}")) for name in ("portal.html", "error.html"))
    return {
        **dict.fromkeys(LEADING, page),
        **(_of_who_is_in(entry) if mode == "radius" else {}),
        "error.html": error,
        "api.json": _filled("api.json", f"{entry}?{QUERY}"),
        "errors.txt": _filled("errors.txt", ""),
    }


def _of_who_is_in(entry: str) -> dict[str, bytes]:
    """After a logout the router may still say that the device is logged in, so only its status pages tell."""
    go = _in_markup(f"{entry}?{QUERY}{INSIDE}")
    page = _filled("portal.html", go)
    return {"alogin.html": _filled("alogin.html", go), "status.html": page, "rstatus.html": page}


def _in_markup(address: str) -> str:
    return address.replace("&", "&amp;")


def _filled(name: str, go: str) -> bytes:
    return (HOME / name).read_text().rstrip("\n").replace("@GO@", go).encode()
