"""Signing in by an issuer, there and back again: the authorisation code flow with PKCE.

What must come back unchanged (state, nonce, the code's verifier) travels in a sealed cookie of the
browser that began, so a server keeps nothing of who never returns, and any node can finish. The
issuer leads back to a page of the console, which posts the code from our own origin: no cookie has
to be weaker than those of a sign-in by password.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from kilonova.accounts.attempts import Attempts
from kilonova.accounts.members import Members
from kilonova.accounts.oidc.entrance import Entrance
from kilonova.accounts.oidc.id_token import TokenError
from kilonova.accounts.oidc.issuer import Client, CodeError, Issuer
from kilonova.accounts.oidc.rules import identity_of
from kilonova.accounts.oidc.web import UnreachableError, is_safe_address
from kilonova.accounts.vault import Vault, VaultError
from kilonova.core.clock import Clock
from kilonova.core.errors import Overloaded, Unauthenticated
from kilonova.core.members import OpenedSession
from kilonova.settings import OidcSettings, SettingsError
from kilonova.telemetry.log import log_event

__all__ = ["OidcSignIn", "check_oidc", "open_client"]

_FLOW_S_MAX = 600
_BOUND_TO = "oidc sign-in"
_LANDING = "/console/oidc"
_AT_ONCE_MAX = 32


class _Flow(Struct, frozen=True, kw_only=True):
    """One sign-in that was begun in one browser."""

    state: str
    nonce: str
    verifier: str
    redirect: str
    begun_s: int
    organisation: str | None = None
    invitation: str | None = None


class OidcSignIn:
    """Implements ``admin.ports.Vouching``. Belongs to the event loop."""

    def __init__(
        self,
        issuer: Issuer,
        entrance: Entrance,
        *,
        settings: OidcSettings,
        vault: Vault,
        clock: Clock,
        attempts: Attempts,
    ) -> None:
        self.label = settings.label or "OpenID Connect"
        self._issuer = issuer
        self._entrance = entrance
        self._trusts_email = settings.trusts_email
        self._vault = vault
        self._clock = clock
        self._attempts = attempts
        self._underway = 0

    @classmethod
    def open(
        cls, settings: OidcSettings, members: Members, *, vault: Vault, clock: Clock
    ) -> "OidcSignIn":
        """Raises SettingsError."""
        entrance = Entrance(members, settings.admit, roles_follow=settings.roles_follow)
        return cls(
            Issuer(open_client(settings), clock),
            entrance,
            settings=settings,
            vault=vault,
            clock=clock,
            attempts=members.attempts,
        )

    async def start(
        self, origin: str, *, organisation: str | None, invitation: str | None
    ) -> tuple[str, str]:
        """The issuer's address for the browser, and what its cookie keeps until it is back at
        ``origin``, our own address as the browser knows it. Raises Overloaded."""
        flow = _Flow(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            redirect=origin + _LANDING,
            begun_s=int(self._clock.now_s()),
            organisation=organisation,
            invitation=invitation,
        )
        digest = hashlib.sha256(flow.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        try:
            address = await self._issuer.address(
                flow.redirect, state=flow.state, nonce=flow.nonce, challenge=challenge
            )
        except UnreachableError as error:
            raise _unreachable(error) from None
        sealed = self._vault.seal_content(msgspec.json.encode(flow), bound_to=_BOUND_TO)
        return address, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    async def finish(
        self, kept: str | None, *, code: str, state: str, issuer: str | None
    ) -> OpenedSession:
        """``kept`` is the cookie's, the rest what the issuer sent the browser back with. Raises
        Unauthenticated, Forbidden with the reason, RateLimited or Overloaded."""
        flow = self._open_flow(kept, state)
        self._attempts.count(f"oidc {flow.state}")
        if self._underway >= _AT_ONCE_MAX:
            raise Overloaded("Too many are signing in at once. Retry shortly.", retry_after_s=5)
        self._underway += 1
        try:
            identity = identity_of(
                await self._claims(flow, code, issuer), trusts_email=self._trusts_email
            )
        finally:
            self._underway -= 1
        return await self._entrance.enter(
            identity, organisation=flow.organisation, invitation=flow.invitation
        )

    async def problem(self) -> str | None:
        """Why nobody can sign in by the issuer now; None where all is well."""
        try:
            await self._issuer.places()
        except UnreachableError as error:
            return str(error)
        return None

    async def _claims(self, flow: _Flow, code: str, issuer: str | None) -> dict[str, object]:
        try:
            await self._check_sender(issuer)
            tokens = await self._issuer.redeem(code, redirect=flow.redirect, verifier=flow.verifier)
            return await self._issuer.claims(tokens, nonce=flow.nonce)
        except UnreachableError as error:
            raise _unreachable(error) from None
        except CodeError as error:
            log_event(logging.WARNING, "oidc_refused", problem=str(error))
            raise Unauthenticated(
                "The sign-in service does not know this sign-in any more. Begin again.",
                reason="oidc_code",
            ) from None
        except TokenError as error:
            log_event(logging.WARNING, "oidc_refused", problem=str(error)[:300])
            raise Unauthenticated(
                "What the sign-in service sent cannot be believed. The server's log says why.",
                reason="oidc_token",
            ) from None

    async def _check_sender(self, issuer: str | None) -> None:
        """RFC 9207: the answer is our issuer's, and not one that another sent the browser with."""
        is_told = (await self._issuer.places()).says_issuer
        if issuer != self._issuer.client.issuer and (is_told or issuer is not None):
            raise TokenError(f"the answer came from {str(issuer)[:200]!r}")

    def _open_flow(self, kept: str | None, state: str) -> _Flow:
        """Raises Unauthenticated for a state that this browser did not begin, or too long ago."""
        text = kept or ""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            plain = self._vault.unseal_content(sealed, bound_to=_BOUND_TO)
            flow = msgspec.json.decode(plain, type=_Flow)
        except (VaultError, binascii.Error, ValueError, msgspec.MsgspecError):
            raise _not_begun() from None
        is_same = hmac.compare_digest(flow.state.encode(), state.encode())
        if not is_same or self._clock.now_s() - flow.begun_s > _FLOW_S_MAX:
            raise _not_begun()
        return flow


def open_client(settings: OidcSettings) -> Client:
    """Who we are at the issuer. Raises SettingsError with what to change."""
    if not is_safe_address(settings.issuer):
        raise SettingsError(
            "oidc.issuer: write an https:// address (http:// only on this machine), not "
            f"{settings.issuer!r}"
        )
    if not settings.client_id:
        raise SettingsError("oidc.client_id: write the id that the issuer gave to this client")
    if "openid" not in settings.scopes:
        raise SettingsError("oidc.scopes: openid must be among them")
    for number, rule in enumerate(settings.admit, 1):
        if not rule.domain and not (rule.claim and rule.value):
            raise SettingsError(
                f"oidc.admit: entry {number} would let everybody in. Give it a domain, or a claim "
                "and a value"
            )
    return Client(
        issuer=settings.issuer,
        client_id=settings.client_id,
        secret=_secret(settings.client_secret),
        scopes=settings.scopes,
        wanted=("email", *(rule.claim for rule in settings.admit if rule.claim)),
    )


async def check_oidc(settings: OidcSettings, clock: Clock) -> str:
    """Asks the issuer once. Raises SettingsError or UnreachableError; else where people go."""
    return (await Issuer(open_client(settings), clock).places()).authorization_endpoint


def _secret(reference: str) -> str:
    if not reference:
        return ""
    kind, _, name = reference.partition(":")
    if kind not in ("env", "file") or not name:
        raise SettingsError(
            "oidc.client_secret: write a reference, env:NAME or file:/path, not the secret"
        )
    try:
        return (os.environ[name] if kind == "env" else Path(name).read_text()).strip()
    except KeyError:
        raise SettingsError(f"oidc.client_secret: {name} is not in the environment") from None
    except OSError as error:
        raise SettingsError(
            f"oidc.client_secret: {name} cannot be read: {error.strerror}"
        ) from None


def _unreachable(error: UnreachableError) -> Overloaded:
    log_event(logging.WARNING, "oidc_unreachable", problem=str(error)[:300])
    return Overloaded(
        "The sign-in service cannot be reached. Try again soon.",
        retry_after_s=5,
        reason="oidc_unreachable",
    )


def _not_begun() -> Unauthenticated:
    return Unauthenticated(
        "This sign-in was not begun in this browser, or took too long. Begin again.",
        reason="oidc_state",
    )
