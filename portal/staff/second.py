"""The second factor: a code of an app on one's phone that works once, and recovery codes for a lost phone."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass, field

import pyotp

from portal.clock import SECOND, Moment
from portal.seal import Vault
from portal.staff import store
from portal.staff.store import Account
from portal.units import Unit

STEP_MS = 30 * SECOND
NEAR = (0, -1, 1)  # steps: clocks differ, and typing takes a while
RECOVERY, RECOVERY_BYTES = 10, 10
SECRET = re.compile(r"[A-Z2-7]{32}")  # 160 bits


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an app takes in: as a link (and QR code), and as text to type."""

    secret_uri: str = field(repr=False)
    secret_text: str = field(repr=False)


def setup(email: str, issuer: str, given: str = "") -> Setup:
    secret = secret_in(given) or pyotp.random_base32(32)
    uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)
    return Setup(secret_uri=uri, secret_text=secret)


def secret_in(text: str) -> str | None:
    """The secret of a text that a form gives back, or None."""
    plain = text.replace(" ", "").upper()
    return plain if SECRET.fullmatch(plain) else None


def step_of(secret: str, code: str, now: Moment) -> int | None:
    """Which step this code is of, if of a near one."""
    typed = "".join(code.split())
    if not re.fullmatch(r"[0-9]{6}", typed):
        return None
    app, present = pyotp.TOTP(secret), now // STEP_MS
    fitting = [step for step in (present + n for n in NEAR) if hmac.compare_digest(app.generate_otp(step), typed)]
    return fitting[0] if fitting else None


def new_codes() -> list[str]:
    """Recovery codes as they are shown: ``ABCD-EFGH-IJKL-MNOP``."""
    texts = (base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY))
    return ["-".join(text[n : n + 4] for n in range(0, 16, 4)) for text in texts]


def code_hash(vault: Vault, public: str, code: str) -> bytes:
    plain = re.sub(r"[\s-]", "", code).upper()
    return vault.index(0, "recovery code", f"{public}|{plain}")


def accept(vault: Vault, account: Account, given: str, now: Moment) -> Unit[bool]:
    """Use up what was given, a code of the app or a recovery code; False when it is neither, or was used."""
    step = step_of(account.totp(vault), given, now)
    if step is not None:
        return (yield from store.use_step(account.staff.id, step))
    return (yield from store.use_code(account.staff.id, code_hash(vault, account.staff.public, given), now))


def keep(vault: Vault, account: Account, secret: str, step: int, codes: list[str], now: Moment) -> Unit[None]:
    """From now on this secret, and these recovery codes, are the second factor."""
    staff = account.staff
    sealed = vault.seal(secret, table="staff", row=staff.public, column="totp_sealed")
    yield from store.change_staff(staff.id, now, totp_sealed=sealed, totp_step=step)
    yield from store.set_codes(staff.id, [code_hash(vault, staff.public, each) for each in codes])
