"""An ID token is believed only when everything about it holds."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from kilonova.accounts.oidc.id_token import (
    Expected,
    TokenError,
    UnknownKeyError,
    check_id_token,
    key_set,
)
from kilonova.accounts.oidc.rules import identity_of, matching
from kilonova.settings import OidcRule

NOW = 1_795_392_000
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
KEYS = key_set(KeySet([RSA, EC, ED]).as_dict()["keys"])
EXPECTED = Expected(
    issuer="https://id.example", client_id="us", nonce="n-1", access_token="at", now_s=NOW
)
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example", "sub": "42", "aud": "us", "exp": NOW + 300, "iat": NOW,
    "nonce": "n-1",
}  # fmt: skip


def _token(key: Any = RSA, alg: str = "RS256", kid: str | None = "rsa", **spoiled: Any) -> str:
    claims = {name: told for name, told in {**CLAIMS, **spoiled}.items() if told is not None}
    header: dict[str, Any] = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
    return jwt.encode(header, claims, key, algorithms=[alg])


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("key", "alg", "kid"),
    [
        (RSA, "RS256", "rsa"),
        (RSA, "PS512", "rsa"),
        (EC, "ES256", "ec"),
        (ED, "Ed25519", "ed"),
        (ED, "EdDSA", "ed"),
    ],
)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_tokens_of_every_kind_of_key_are_read(key: Any, alg: str, kid: str) -> None:
    """Protects operators: the issuers that there are sign with one of these."""
    assert check_id_token(_token(key, alg, kid), KEYS, EXPECTED)["sub"] == "42"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "them"},
        {"aud": None},
        {"aud": ["us", "them"]},
        {"aud": ["us", "them"], "azp": "them"},
        {"azp": "them"},
        {"nonce": "n-2"},
        {"nonce": None},
        {"nonce": 7},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "soon"},
        {"iat": NOW + 120},
        {"iat": NOW - 1000},
        {"iat": None},
        {"nbf": NOW + 120},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
        {"sub": "x" * 256},
        {"at_hash": "bm90IGl0cyBoYXNo"},
        {"at_hash": 5},
    ],
    ids=str,
)
def test_a_claim_that_is_not_as_expected_is_refused(spoiled: dict[str, Any]) -> None:
    """Protects accounts: wrong issuer, audience, party, nonce, times, subject, access token."""
    with pytest.raises(TokenError):
        check_id_token(_token(**spoiled), KEYS, EXPECTED)


def test_what_is_near_enough_is_taken() -> None:
    """Protects people: clocks differ a little, and a token may name us among others."""
    half = hashlib.sha256(b"at").digest()[:16]
    at_hash = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    for spoiled in (
        {"exp": NOW - 50},
        {"iat": NOW + 50},
        {"aud": ["us"]},
        {"aud": ["us", "them"], "azp": "us"},
        {"at_hash": at_hash},
    ):
        assert check_id_token(_token(**spoiled), KEYS, EXPECTED)["nonce"] == "n-1"


def test_only_the_issuers_key_signs() -> None:
    """Protects accounts from tokens that anybody can write: no signature, one by the public key as
    a shared secret, one by another key, one changed on the way."""
    unsigned = f"{_part({'alg': 'none'})}.{_part(CLAIMS)}."
    named = f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(CLAIMS)}."
    signed = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{_part(CLAIMS)}"
    by_public = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    confused = f"{signed}.{base64.urlsafe_b64encode(by_public).rstrip(b'=').decode()}"
    other = RSAKey.generate_key(2048, {"kid": "rsa"})
    head, _, signature = _token().split(".")
    changed = f"{head}.{_part({**CLAIMS, 'sub': '1'})}.{signature}"
    mixed = jwt.encode({"alg": "ES256", "kid": "rsa"}, CLAIMS, EC, algorithms=["ES256"])
    for token in (
        unsigned,
        named,
        confused,
        _token(other),
        changed,
        mixed,
        "",
        "a.b.c",
        "x" * 70_000,
    ):
        with pytest.raises(TokenError):
            check_id_token(token, KEYS, EXPECTED)


def test_a_key_that_is_not_known_is_told_apart() -> None:
    """Protects rotation: the issuer is asked for its keys again only then."""
    stranger = RSAKey.generate_key(2048, {"kid": "new"})
    for kid in ("new", None):
        with pytest.raises(UnknownKeyError):
            check_id_token(_token(stranger, kid=kid), KEYS, EXPECTED)


def test_keys_that_sign_nothing_are_left_out() -> None:
    """Protects sign-in: an issuer also publishes keys to encrypt with, and kinds of its own."""
    found = KeySet([RSA]).as_dict()["keys"]
    odd: list[object] = [
        {**found[0], "kid": "enc", "use": "enc"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {"kty": "AKP", "kid": "pq"}, {"kty": "RSA", "kid": "broken"}, "no key", None,
    ]  # fmt: skip
    assert [key.kid for key in key_set([*odd, *found])] == ["rsa"]
    assert list(key_set([])) == []


def test_an_email_counts_only_when_it_is_verified() -> None:
    """Protects members: who merely claims an address at the issuer is not its owner."""
    told = {**CLAIMS, "email": " Ada@Example.com ", "name": "Ada"}
    assert identity_of({**told, "email_verified": True}, trusts_email=False).email == (
        "ada@example.com"
    )
    assert identity_of({**told, "email_verified": "true"}, trusts_email=False).email
    assert identity_of(told, trusts_email=True).email == "ada@example.com"
    for claims, trusts in (
        (told, False),
        ({**told, "email_verified": False}, True),
        ({**told, "email_verified": "no"}, True),
        ({**told, "email": ["a@b"], "email_verified": True}, True),
        ({**told, "email": "nobody", "email_verified": True}, True),
    ):
        assert identity_of(claims, trusts_email=trusts).email == ""


@pytest.mark.parametrize(
    ("rule", "is_in"),
    [
        (OidcRule(domain="example.com"), True),
        (OidcRule(domain="@Example.com"), True),
        (OidcRule(domain="ample.com"), False),
        (OidcRule(domain="evil.example.com"), False),
        (OidcRule(claim="groups", value="staff"), True),
        (OidcRule(claim="groups", value="sta"), False),
        (OidcRule(claim="realm_access.roles", value="ml"), True),
        (OidcRule(claim="https://x.example/team", value="7"), True),
        (OidcRule(claim="is_admin", value="true"), True),
        (OidcRule(claim="nothing", value="None"), False),
        (OidcRule(claim="realm_access", value="roles"), False),
        (OidcRule(domain="example.com", claim="groups", value="board"), False),
    ],
)
def test_rules_let_in_whom_they_mean(rule: OidcRule, *, is_in: bool) -> None:
    """Protects organisations: by the whole domain and the whole value, never by a part."""
    claims = {
        **CLAIMS, "email": "ada@example.com", "email_verified": True, "groups": ["staff", "x"],
        "realm_access": {"roles": ["ml"]}, "https://x.example/team": 7, "is_admin": True,
    }  # fmt: skip
    identity = identity_of(claims, trusts_email=False)
    assert bool(matching([rule], identity)) is is_in
    nobody = identity_of({**claims, "email_verified": False}, trusts_email=False)
    assert matching([rule], nobody) == []
