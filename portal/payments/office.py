"""What the shop's API user asks of M-Pesa, with the credential that is kept sealed: reversals, one payment, balance."""

from __future__ import annotations

from portal.errors import ProviderRefused
from portal.money import Money
from portal.payments.accounts import MpesaAccount
from portal.payments.daraja import Daraja
from portal.payments.initiator import Initiator
from portal.seal import Vault


def initiator_of(vault: Vault, account: MpesaAccount) -> Initiator | None:
    """The API user of an account; None while there is none."""
    if not account.can_reverse or account.initiator is None or account.credential_sealed is None:
        return None
    sealed, own = account.credential_sealed, vault.of(account.tenant_id)
    opened = own.open(sealed, table="mpesa_accounts", row=account.public, column="credential_sealed")
    return Initiator(name=account.initiator, credential=opened.decode())


class Office:
    """Asks; what became of it is posted to `result_url`, or below it at ``/timeout`` when M-Pesa does not know."""

    def __init__(self, daraja: Daraja, vault: Vault) -> None:
        self._daraja = daraja
        self._vault = vault

    async def reverse(self, account: MpesaAccount, receipt: str, amount: Money, result_url: str) -> str:
        """Give the money of a receipt back, at most once; see `refunds.sending.Gateway`."""
        ack = await self._daraja.reverse(
            account, self._initiator(account), receipt, amount, "Refund", result_url, f"{result_url}/timeout"
        )
        return ack.conversation

    async def ask_status(self, account: MpesaAccount, receipt: str, result_url: str) -> str:
        """Ask what became of a payment. May be repeated."""
        ack = await self._daraja.ask_status(
            account, self._initiator(account), receipt, result_url, f"{result_url}/timeout"
        )
        return ack.conversation

    async def balance(self, account: MpesaAccount, result_url: str) -> str:
        """Ask how much is in the account. May be repeated."""
        ack = await self._daraja.balance(account, self._initiator(account), result_url, f"{result_url}/timeout")
        return ack.conversation

    def _initiator(self, account: MpesaAccount) -> Initiator:
        found = initiator_of(self._vault, account)
        if found is None:
            raise ProviderRefused("config", "there is no API user")
        return found
