"""A sandbox M-Pesa: Daraja's API, its quirks and faults, and a virtual handset to pay with.

Its behaviour follows `facts/mpesa.md`, never what a client expects. Where no source settles a fact there
is a switch (`Switches`); what goes wrong in practice is a fault (`Faults`).
"""

from sandbox.mpesa.faults import Fault, Faults, OfficeFault, Switches
from sandbox.mpesa.provider import SandboxMpesa
from sandbox.mpesa.records import Declined, Merchant, Push, Transaction
from sandbox.mpesa.server import Server, serve_mpesa

__all__ = [
    "Declined",
    "Fault",
    "Faults",
    "Merchant",
    "OfficeFault",
    "Push",
    "SandboxMpesa",
    "Server",
    "Switches",
    "Transaction",
    "serve_mpesa",
]
