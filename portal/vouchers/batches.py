"""Batches: drawing codes, voiding them, and what may be read of them again."""

from __future__ import annotations

from portal.seal import Vault


def code_index(vault: Vault, code: str) -> bytes:
    """The keyed hash that finds a code; over the whole installation, for guests whose ISP is not known yet."""
    return vault.index(0, "voucher", code)


def seal_code(vault: Vault, tenant_id: int, label: str, code: str) -> bytes:
    """The code for a reprint."""
    return vault.seal(code, table="vouchers", row=f"{tenant_id}|{label}", column="code_sealed")


def open_code(vault: Vault, tenant_id: int, label: str, sealed: bytes) -> str:
    """The reverse of `seal_code`; raises `NotOurs`."""
    return vault.open(sealed, table="vouchers", row=f"{tenant_id}|{label}", column="code_sealed").decode()


def label_of(number: int, serial: int, count: int) -> str:
    """``B12-0043``: the batch and the serial in it, on the card and in every list."""
    return f"B{number}-{serial:0{max(4, len(str(count)))}d}"
