"""The addresses of vouchers."""

from __future__ import annotations

from portal.console.screens import get, post
from portal.console.vouchers import lists, making, paper, sale, voiding

SCREENS = (
    get("/vouchers", "vouchers", lists.vouchers),
    get("/vouchers/new", "vouchers.make", making.ask),
    post("/vouchers/new", "vouchers.make", making.make),
    get("/vouchers/batch/{id}", "vouchers", lists.batch),
    post("/vouchers/batch/{id}/finish", "vouchers.make", making.finish),
    post("/vouchers/batch/{id}/file", "vouchers.make", paper.file),
    get("/vouchers/batch/{id}/void", "vouchers.void", voiding.ask),
    post("/vouchers/batch/{id}/void", "vouchers.void", voiding.void),
    get("/sale", "vouchers.make", sale.counter),
    post("/sale", "vouchers.make", sale.sell),
    get("/sale/{id}", "vouchers.make", sale.card),
)
