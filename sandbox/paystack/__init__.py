"""A Paystack of our own, on a real socket: as helpful as the real one, and as unpleasant as a network."""

from sandbox.paystack.provider import SandboxPaystack, Switches
from sandbox.paystack.server import serve_paystack

__all__ = ["SandboxPaystack", "Switches", "serve_paystack"]
