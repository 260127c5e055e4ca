"""An OpenID Connect issuer: where it is asked, by which keys it signs, what it gives for a code.

What it says of itself is kept for an hour. A token signed by a key that is not known fetches the
keys anew, but not more often than twice a minute: anybody can write a token with an unknown key.
"""

import asyncio
import base64
from typing import Any
from urllib.parse import quote, urlencode

from joserfc.jwk import KeySet
from msgspec import Struct

from kilonova.accounts.oidc.id_token import Expected, UnknownKeyError, check_id_token, key_set
from kilonova.accounts.oidc.web import UnreachableError, fetch, is_safe_address
from kilonova.core.clock import Clock

__all__ = ["Client", "CodeError", "Issuer", "Tokens"]

_WELL_KNOWN = "/.well-known/openid-configuration"
_KEPT_S = 3600.0
_KEYS_AGAIN_S = 30.0
# Everybody may press the button: while the issuer is away it is not asked for each of them.
_AWAY_S = 3.0


class CodeError(RuntimeError):
    """The issuer gives no token for a code; the message is its own word for it."""


class Client(Struct, frozen=True, kw_only=True):
    """Who we are at the issuer, and which claims we want of it. Without a secret, PKCE alone
    proves that we asked."""

    issuer: str
    client_id: str
    secret: str
    scopes: tuple[str, ...]
    wanted: tuple[str, ...] = ("email",)

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Client({self.client_id})"


class Tokens(Struct, frozen=True):
    """What a code was changed for."""

    id_token: str
    access_token: str

    def __repr__(self) -> str:
        """Without them."""
        return "Tokens()"


class _Places(Struct, frozen=True, kw_only=True):
    """What the issuer's document says (OpenID Connect Discovery 1.0, 3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    takes_post: bool
    says_issuer: bool


class Issuer:
    """Belongs to the event loop. Raises UnreachableError where the issuer does not answer."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self.client = client
        self._clock = clock
        self._places: _Places | None = None
        self._places_s = 0.0
        self._asking = asyncio.Lock()
        self._away: UnreachableError | None = None
        self._away_s = 0.0
        self._keys: KeySet | None = None
        self._keys_s = 0.0
        self._again_s: float | None = None

    async def places(self) -> _Places:
        """From the issuer's own document. One asks, whoever else wants to know waits for it."""
        async with self._asking:
            now_s = self._clock.monotonic_s()
            if self._places is not None and now_s - self._places_s < _KEPT_S:
                return self._places
            if self._away is not None and now_s - self._away_s < _AWAY_S:
                raise UnreachableError(str(self._away))
            try:
                self._places = await self._discover()
            except UnreachableError as error:
                self._away, self._away_s = error, self._clock.monotonic_s()
                raise
            self._places_s, self._away = now_s, None
            return self._places

    async def address(self, redirect: str, *, state: str, nonce: str, challenge: str) -> str:
        """Where the browser goes to sign in."""
        endpoint = (await self.places()).authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(self.client.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def redeem(self, code: str, *, redirect: str, verifier: str) -> Tokens:
        """The tokens for a code, once. Raises CodeError."""
        places = await self.places()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        headers = {}
        if self.client.secret and not places.takes_post:
            # RFC 6749, 2.3.1: both are encoded as in a form first.
            pair = f"{quote(self.client.client_id, safe='')}:{quote(self.client.secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.client.client_id
            if self.client.secret:
                form["client_secret"] = self.client.secret
        answer = await fetch(places.token_endpoint, form=form, headers=headers)
        if answer.status != 200:
            raise CodeError(f"{answer.status} {str(answer.body.get('error', ''))[:60]}".strip())
        id_token, access_token = answer.body.get("id_token"), answer.body.get("access_token", "")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise CodeError("no ID token; is openid among the scopes?")
        return Tokens(id_token, access_token)

    async def claims(self, tokens: Tokens, *, nonce: str) -> dict[str, Any]:
        """Those of the ID token, and what the user info alone says. Raises TokenError."""
        expected = Expected(
            issuer=self.client.issuer,
            client_id=self.client.client_id,
            nonce=nonce,
            access_token=tokens.access_token,
            now_s=self._clock.now_s(),
        )
        try:
            claims = check_id_token(tokens.id_token, await self._known_keys(), expected)
        except UnknownKeyError:
            claims = check_id_token(tokens.id_token, await self._newer_keys(), expected)
        if all(each in claims or each.partition(".")[0] in claims for each in self.client.wanted):
            return claims
        return {**await self._user_info(tokens, str(claims["sub"])), **claims}

    async def _discover(self) -> _Places:
        url = self.client.issuer.rstrip("/") + _WELL_KNOWN
        found = await fetch(url)
        if found.status != 200:
            raise UnreachableError(f"{url} answers {found.status}")
        said = found.body.get("issuer")
        if said != self.client.issuer:
            raise UnreachableError(
                f"{url} speaks for {str(said)[:200]!r}: write oidc.issuer exactly like that"
            )
        methods = found.body.get("token_endpoint_auth_methods_supported")
        has_basic = not isinstance(methods, list) or "client_secret_basic" in methods
        return _Places(
            authorization_endpoint=_address(found.body, "authorization_endpoint"),
            token_endpoint=_address(found.body, "token_endpoint"),
            jwks_uri=_address(found.body, "jwks_uri"),
            userinfo_endpoint=_address(found.body, "userinfo_endpoint", is_needed=False),
            takes_post=not has_basic,
            says_issuer=found.body.get("authorization_response_iss_parameter_supported") is True,
        )

    async def _known_keys(self) -> KeySet:
        if self._keys is None or self._clock.monotonic_s() - self._keys_s > _KEPT_S:
            return await self._fetch_keys()
        return self._keys

    async def _newer_keys(self) -> KeySet:
        """Fetched anew where that was not done just now."""
        now_s = self._clock.monotonic_s()
        if self._again_s is not None and now_s - self._again_s < _KEYS_AGAIN_S:
            return await self._known_keys()
        self._again_s = now_s
        return await self._fetch_keys()

    async def _fetch_keys(self) -> KeySet:
        url = (await self.places()).jwks_uri
        found = await fetch(url)
        keys = found.body.get("keys")
        if found.status != 200 or not isinstance(keys, list):
            raise UnreachableError(f"{url} answers {found.status} and no keys")
        self._keys, self._keys_s = key_set(keys), self._clock.monotonic_s()
        return self._keys

    async def _user_info(self, tokens: Tokens, subject: str) -> dict[str, Any]:
        """Some issuers put e-mail and groups here alone. It must speak of the same person."""
        url = (await self.places()).userinfo_endpoint
        if not url or not tokens.access_token:
            return {}
        found = await fetch(url, headers={"authorization": f"Bearer {tokens.access_token}"})
        is_same = found.status == 200 and found.body.get("sub") == subject
        return found.body if is_same else {}


def _address(document: dict[str, Any], name: str, *, is_needed: bool = True) -> str:
    address = document.get(name)
    if address is None and not is_needed:
        return ""
    if not isinstance(address, str) or not is_safe_address(address):
        raise UnreachableError(f"its document has no https address as {name}")
    return address
