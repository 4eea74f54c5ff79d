"""Applications of the developer portal, their tokens, and how fast they may ask (facts/mpesa.md 1 and 4)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from portal.clock import Clock, Moment
from sandbox.mpesa.answers import Refusal
from sandbox.mpesa.faults import Switches
from sandbox.mpesa.ids import Ids


@dataclass(kw_only=True)
class Application:
    """Consumer key and secret, and the API products the app has."""

    key: str
    secret: str
    products: set[str]
    bucket: float | None = None
    asked_at: Moment = 0


@dataclass(frozen=True, kw_only=True)
class Token:
    """Holds the products of the moment it was issued: one added later needs a new token."""

    text: str
    application: Application = field(repr=False)
    products: frozenset[str]
    until: Moment


class Gate:
    """Who may come in."""

    def __init__(self, clock: Clock, ids: Ids, switches: Switches) -> None:
        self._clock = clock
        self._ids = ids
        self._switches = switches
        self.applications: dict[str, Application] = {}
        self.tokens: dict[str, Token] = {}
        self.issued = 0

    def add(self, key: str, secret: str, products: set[str]) -> Application:
        application = self.applications.get(key) or Application(key=key, secret=secret, products=set())
        application.secret = secret
        application.products |= products
        self.applications[key] = application
        return application

    def login(self, header: str) -> Application | None:
        """The application with these Basic credentials, None if they are wrong."""
        scheme, _, credentials = header.partition(" ")
        if scheme.lower() != "basic":
            raise Refusal(400, "400.008.01", "Invalid Authentication passed")
        try:
            key, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        application = self.applications.get(key)
        return application if application and application.secret == secret else None

    def issue(self, application: Application) -> Token:
        if self._switches.new_token_kills_old:
            self.revoke(application.key)
        token = Token(
            text=self._ids.token(),
            application=application,
            products=frozenset(application.products),
            until=self._clock.now() + self._switches.token_life_ms,
        )
        self.tokens[token.text] = token
        self.issued += 1
        return token

    def revoke(self, key: str) -> None:
        """Forget every token of this consumer key."""
        self.tokens = {text: token for text, token in self.tokens.items() if token.application.key != key}

    def admit(self, header: str, product: str, bad_token: Refusal) -> Application:
        """The application behind this Bearer token, if it may use the product."""
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(404, "404.001.04", "Invalid Authentication Header")
        token = self.tokens.get(text.strip())
        if token is None or token.until <= self._clock.now():
            raise bad_token
        if product not in token.products:
            raise Refusal(
                401,
                "401.003.01",
                "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found",
            )
        return token.application

    def query_allowed(self, application: Application) -> bool:
        """A bucket of `query_burst` that fills at `query_per_minute`."""
        rate, burst = self._switches.query_per_minute, self._switches.query_burst
        if not rate:
            return True
        now = self._clock.now()
        full = burst if application.bucket is None else application.bucket
        application.bucket = min(burst, full + (now - application.asked_at) * rate / 60_000)
        application.asked_at = now
        if application.bucket < 1:
            return False
        application.bucket -= 1
        return True
