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

    At a router in RADIUS mode the guest's browser logs in: each page says whether it is in, and after a login the
    browser is led on to where it wanted, which is our page.
    """
    entry, radius = entry_url(portal_url, router_public), mode == "radius"
    query = f"{QUERY}{INSIDE if radius else ''}"
    page = _filled("portal.html", f"{entry}?{query}".replace("&", "&amp;"))
    error = _filled("error.html", f"{entry}?{query}".replace("&", "&amp;"))
    again = {"alogin.html": _filled("alogin.html", f"{entry}?{query}".replace("&", "&amp;"))} if radius else {}
    return {
        **dict.fromkeys(LEADING, page),
        **again,
        "error.html": error,
        "api.json": _filled("api.json", f"{entry}?{query}"),
        "errors.txt": _filled("errors.txt", ""),
    }


def _filled(name: str, go: str) -> bytes:
    return (HOME / name).read_text().rstrip("\n").replace("@GO@", go).encode()
