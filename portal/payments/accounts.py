"""A tenant's own M-Pesa credentials: sealed at rest, opened only to speak to M-Pesa.

The environment is a property of the row, not of the process. Accounts with the same environment and consumer
key share an app: one token, one bucket of queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portal.clock import Moment
from portal.errors import Misconfigured
from portal.payments import store
from portal.seal import Vault, new_public, token_hash
from portal.units import Row, Unit

Kind = Literal["paybill", "till"]
BASE_URLS = {"sandbox": "https://sandbox.safaricom.co.ke", "production": "https://api.safaricom.co.ke"}
SECRETS = ("consumer_key", "consumer_secret", "passkey")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An account's secrets, opened."""

    consumer_key: str
    consumer_secret: str
    passkey: str

    def __repr__(self) -> str:  # never in a log or a traceback (R7)
        return "Credentials(…)"


@dataclass(frozen=True, kw_only=True)
class MpesaAccount:
    """A paybill or till of a tenant, with its app at M-Pesa."""

    id: int
    tenant_id: int
    public: str
    environment: str
    base_url: str
    kind: Kind
    shortcode: str  # BusinessShortCode: the paybill, or the store number of a till
    party_b: str  # the paybill again, or the till
    consumer_key_sealed: bytes
    consumer_secret_sealed: bytes
    passkey_sealed: bytes
    app_index: bytes
    active: bool
    initiator: str = ""  # a user of the organisation's portal, for reversals and questions about one payment
    credential_sealed: bytes | None = None
    credential_at: Moment | None = None
    balance_limit_minor: int | None = None  # what it may hold at the provider, in minor units

    @property
    def can_reverse(self) -> bool:
        """Whether it is known who asks M-Pesa for reversals."""
        return bool(self.initiator and self.credential_sealed)

    @property
    def pay_number(self) -> str:
        """What a guest types to pay by hand."""
        return self.party_b if self.kind == "till" else self.shortcode

    def owns(self, shortcode: str) -> bool:
        """Whether money to this number is this account's."""
        return shortcode in (self.shortcode, self.party_b)

    def credentials(self, vault: Vault) -> Credentials:
        def opened(name: str) -> str:
            sealed: bytes = getattr(self, f"{name}_sealed")
            return vault.open(sealed, table="mpesa_accounts", row=self.public, column=f"{name}_sealed").decode()

        return Credentials(**{name: opened(name) for name in SECRETS})


def c2b_token(vault: Vault, tenant_public: str, account_public: str) -> str:
    """The path token in the C2B addresses that the tenant registers with M-Pesa."""
    return f"{tenant_public}.{vault.index(0, 'c2b', account_public).hex()[:32]}"


def add_account(
    vault: Vault,
    now: Moment,
    *,
    tenant_public: str,
    environment: str,
    kind: Kind,
    shortcode: str,
    consumer_key: str,
    consumer_secret: str,
    passkey: str,
    till: str = "",
    base_url: str = "",
) -> Unit[MpesaAccount]:
    """A new account of the tenant; `shortcode` is the paybill, or the store number that goes with `till`."""
    _check(environment, kind, shortcode, till, base_url)
    public = new_public(4)
    secrets = dict(zip(SECRETS, (consumer_key, consumer_secret, passkey), strict=True))
    sealed = {
        f"{name}_sealed": vault.seal(text.strip(), table="mpesa_accounts", row=public, column=f"{name}_sealed")
        for name, text in secrets.items()
    }
    account_id = yield from store.insert_account(
        public=public,
        environment=environment,
        base_url=(base_url or BASE_URLS[environment]).rstrip("/"),
        kind=kind,
        shortcode=shortcode,
        party_b=till if kind == "till" else shortcode,
        app_index=vault.index(0, "mpesa-app", f"{environment}|{consumer_key.strip()}"),
        c2b_token_hash=token_hash(c2b_token(vault, tenant_public, public)),
        created_at=now,
        **sealed,
    )
    made = yield from get_account(account_id)
    assert made is not None
    return made


def _check(environment: str, kind: str, shortcode: str, till: str, base_url: str) -> None:
    if environment not in BASE_URLS:
        raise Misconfigured(f"The environment is {environment!r}; it must be sandbox or production.")
    if kind not in ("paybill", "till"):
        raise Misconfigured(f"The kind is {kind!r}; it must be paybill or till.")
    if not (shortcode.isascii() and shortcode.isdigit() and 5 <= len(shortcode) <= 7):
        raise Misconfigured("The shortcode must be 5 to 7 digits: the paybill, or the store number of the till.")
    if kind == "till" and not (till.isascii() and till.isdigit() and 5 <= len(till) <= 8):
        raise Misconfigured("A till account needs the till number (5 to 8 digits) beside its store number.")
    if base_url and not base_url.startswith(("https://", "http://")):
        raise Misconfigured("The base URL must begin with https://.")


def replace_keys(vault: Vault, account: MpesaAccount, secrets: Mapping[str, str]) -> Unit[None]:
    """Other keys for the same number; payments that are being asked about go on with them."""
    sealed = {
        f"{name}_sealed": vault.seal(secrets[name], table="mpesa_accounts", row=account.public, column=f"{name}_sealed")
        for name in SECRETS
    }
    app = vault.index(0, "mpesa-app", f"{account.environment}|{secrets['consumer_key']}")
    yield from store.change_account(account.id, app_index=app, **sealed)


def set_initiator(account_id: int, name: str, credential_sealed: bytes, now: Moment) -> Unit[None]:
    """Who asks M-Pesa for reversals and questions about one payment; the credential lives for 90 days."""
    yield from store.change_account(account_id, initiator=name, credential_sealed=credential_sealed, credential_at=now)


def set_balance_limit(account_id: int, minor: int | None) -> Unit[None]:
    """What the account may hold at the provider; staff are told before it is full."""
    yield from store.change_account(account_id, balance_limit_minor=minor)


def set_active(account_id: int, active: bool) -> Unit[None]:
    """Whether new payments may go to it."""
    yield from store.change_account(account_id, active=active)


def get_account(account_id: int) -> Unit[MpesaAccount | None]:
    row = yield from store.account_row(account_id)
    return None if row is None else _account(row)


def current_account() -> Unit[MpesaAccount | None]:
    """The account that new payments of the tenant go to: the newest active one."""
    found = yield from accounts()
    return next((each for each in reversed(found) if each.active), None)


def accounts() -> Unit[list[MpesaAccount]]:
    """All accounts of the tenant, oldest first."""
    return [_account(row) for row in (yield from store.account_rows())]


def _account(row: Row) -> MpesaAccount:
    fields = {name: row[name] for name in MpesaAccount.__dataclass_fields__}
    return MpesaAccount(**{**fields, "active": bool(fields["active"])})
