"""The dossier as files: JSON with its schema in it, and an archive with one table of CSV for each part."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict

from portal.privacy.dossier.compose import FORMAT, Dossier, Part
from portal.spreadsheet import MARK, lines


def as_json(found: Dossier) -> bytes:
    """``{"format", "isp", "contact", "made_at", "phone", "kept_for": […], "tables": [{"name", "fields", "rows"}]}``.

    Moments are ISO 8601 with their offset; spans end in ``_ms``, amounts in ``_minor`` (cents), rates are bit/s.
    """
    told = {
        "format": FORMAT,
        "isp": found.isp,
        "contact": found.contact,
        "made_at": found.made_at,
        "phone": found.phone,
        "kept_for": [{"what": what, "days": days, "counted": counted} for what, days, counted in found.kept],
        "tables": [asdict(each) for each in found.parts],
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def as_archive(found: Dossier) -> bytes:
    """A ZIP with a table of CSV for each part."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in found.parts:
            archive.writestr(f"{part.name}.csv", _csv(part))
    return whole.getvalue()


def _csv(part: Part) -> bytes:
    names = [each.name for each in part.fields]
    body = [[row[name] for name in names] for row in part.rows]
    return (MARK + lines([names, *body])).encode()
