"""What an ID token must be to be believed (OpenID Connect Core 1.0, 3.1.3.7). Pure.

The library checks the signature and the times; this module says which algorithms, which keys and
which claims. A token that fails tells its reason to the log, never to the browser.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from msgspec import Struct

__all__ = ["ALGORITHMS", "Expected", "TokenError", "UnknownKeyError", "check_id_token", "key_set"]

# Signatures of a key pair alone. Neither "none" nor HMAC: with those, whoever knows the public key,
# or nothing at all, could sign.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
_KINDS = ("RSA", "EC", "OKP")
_SKEW_S = 60
# The token is fetched right after the sign-in: an old one is somebody's copy.
_AGE_S_MAX = 600
_TOKEN_LENGTH_MAX = 65_536
_SUBJECT_LENGTH_MAX = 255
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class TokenError(ValueError):
    """The token is not to be believed; the message says why."""


class UnknownKeyError(TokenError):
    """It names a key that is not among those that are known. The issuer may have a new one."""


class Expected(Struct, frozen=True, kw_only=True):
    """What this very sign-in must bring back."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    now_s: float


def key_set(found: Iterable[object]) -> KeySet:
    """An issuer's public keys for signatures. What is not understood is left out."""
    keys = []
    for each in found:
        if not isinstance(each, dict) or each.get("kty") not in _KINDS:
            continue
        if each.get("use", "sig") != "sig":
            continue
        try:
            keys.append(JWKRegistry.import_key(each))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return KeySet(keys)


def check_id_token(token: str, keys: KeySet, expected: Expected) -> dict[str, Any]:
    """Its claims. Raises UnknownKeyError, or TokenError."""
    if len(token) > _TOKEN_LENGTH_MAX:
        raise TokenError("it is too long")
    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    try:
        found = jwt.decode(token, keys, algorithms=list(ALGORITHMS), registry=registry)
        _claims(expected).validate(found.claims)
    except InvalidKeyIdError as error:
        raise UnknownKeyError(str(error)) from None
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise TokenError(f"{type(error).__name__}: {error}") from None
    _check_party(found.claims, expected)
    _check_moment(found.claims, expected)
    _check_access_token(found.claims, str(found.header.get("alg", "")), expected.access_token)
    return found.claims


def _claims(expected: Expected) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=int(expected.now_s),
        leeway=_SKEW_S,
        iss={"essential": True, "value": expected.issuer},
        sub={"essential": True},
        aud={"essential": True, "value": expected.client_id},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )


def _check_party(claims: dict[str, Any], expected: Expected) -> None:
    """That it was made for us, and for nobody to hand on to us."""
    audience, party = claims["aud"], claims.get("azp")
    if isinstance(audience, list) and len(audience) > 1 and party is None:
        raise TokenError("it is for several parties, and names none in azp")
    if party is not None and party != expected.client_id:
        raise TokenError("azp names another party")
    if len(claims["sub"]) > _SUBJECT_LENGTH_MAX:
        raise TokenError("sub is too long")


def _check_moment(claims: dict[str, Any], expected: Expected) -> None:
    """That it answers this sign-in and no earlier one."""
    nonce = claims["nonce"]
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(), expected.nonce.encode()
    ):
        raise TokenError("the nonce is not this sign-in's")
    if claims["iat"] < expected.now_s - _AGE_S_MAX - _SKEW_S:
        raise TokenError("it was issued too long ago")


def _check_access_token(claims: dict[str, Any], algorithm: str, access_token: str) -> None:
    """``at_hash``, where it is there: the left half of the digest (Core 3.1.3.6)."""
    told = claims.get("at_hash")
    if told is None:
        return
    hash_ = _HASHES.get(algorithm[-3:], hashlib.sha512)  # Ed25519 hashes with SHA-512
    digest = hash_(access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), half):
        raise TokenError("at_hash is not that of the access token")
