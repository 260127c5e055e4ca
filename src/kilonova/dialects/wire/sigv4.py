"""AWS Signature Version 4, verified as the server.

`parse` reads the claim out of the headers, the gateway looks up the secret of the access key, and
`verify` recomputes the signature over the request as it came. Pure: the time is passed in.
Presigned URLs and chunk-signed bodies are not read here.
"""

import hmac
import re
from calendar import timegm
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from msgspec import Struct

from kilonova.core.errors import Unauthenticated

__all__ = ["AcceptRule", "RequestParts", "Signature", "parse", "verify"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} +Credential=([\x21-\x2b\x2d-\x7e]+)"
    r"\s*,\s*SignedHeaders=([a-z0-9:;._-]+)\s*,\s*Signature=([0-9a-f]{64})\s*"
)
_AMZ_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
# Raw paths are bytes, read as Latin-1.
_QUOTED = {code: quote(chr(code), safe="/~") for code in range(256)}
_SIGNING_KEYS_MAX = 1024
_CREDENTIAL_LENGTH_MAX = 256


class Signature(Struct, frozen=True):
    """What the caller claims: whose key, in which scope, over which headers, at what time."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    digest: str
    amz_date: str
    signed_at_s: int


class RequestParts(Struct, frozen=True):
    """The request as it came: path and query undecoded, header names in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body_sha256: str


class AcceptRule(Struct, frozen=True):
    """The services that a signature may be scoped to, and how far the caller's clock may be off."""

    services: frozenset[str] = frozenset({"bedrock", "bedrock-mantle", "aws-external-anthropic"})
    skew_s_max: int = 900


def parse(headers: Mapping[str, str]) -> Signature | None:
    """The claim in the Authorization header; None when it is absent or of another scheme."""
    authorization = headers.get("authorization", "")
    if not authorization.startswith(_ALGORITHM):
        return None
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise _malformed(
            "The Authorization header requires Credential, SignedHeaders and Signature."
        )
    credential, signed_headers, digest = match.groups()
    # An access key id holds no slash, so the last four fields are always the scope.
    fields = credential.split("/")
    if (
        len(credential) > _CREDENTIAL_LENGTH_MAX
        or len(fields) != 5
        or not all(fields)
        or (fields[4] != "aws4_request")
    ):
        raise _malformed("Credential must read KEY/DATE/REGION/SERVICE/aws4_request.")
    amz_date = headers.get("x-amz-date", "")
    return Signature(
        access_key_id=fields[0],
        date=fields[1],
        region=fields[2],
        service=fields[3],
        signed_headers=tuple(signed_headers.split(";")),
        digest=digest,
        amz_date=amz_date,
        signed_at_s=_epoch_s(amz_date),
    )


def verify(
    signature: Signature, parts: RequestParts, secret: str, *, now_s: float, rule: AcceptRule
) -> None:
    """Raise unless `secret` signed exactly this request, for a service of ours, just now."""
    _check_scope(signature, rule)
    _check_time(signature, now_s, rule)
    _check_payload(parts)
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    request_digest = sha256(_canonical_request(signature, parts).encode()).hexdigest()
    text = f"{_ALGORITHM}\n{signature.amz_date}\n{scope}\n{request_digest}"
    key = _signing_key(secret, scope)
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    if not hmac.compare_digest(expected, signature.digest):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )


def _epoch_s(amz_date: str) -> int:
    match = _AMZ_DATE.fullmatch(amz_date)
    if match is None:
        raise _malformed("The request needs an X-Amz-Date header such as 20261123T083115Z.")
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return timegm((year, month, day, hour, minute, second))
    except ValueError:
        raise _malformed(f"X-Amz-Date {amz_date} is no date.") from None


def _check_scope(signature: Signature, rule: AcceptRule) -> None:
    if signature.service not in rule.services:
        allowed = "', '".join(sorted(rule.services))
        raise _mismatch(f"Credential should be scoped to correct service: '{allowed}'.")
    if signature.date != signature.amz_date[:8]:
        raise _mismatch("The date in the Credential scope must be the date in X-Amz-Date.")
    signed = signature.signed_headers
    if "x-amz-date" not in signed or not ("host" in signed or ":authority" in signed):
        raise _malformed("'host' and 'x-amz-date' must be among the SignedHeaders.")


def _check_time(signature: Signature, now_s: float, rule: AcceptRule) -> None:
    skew_s = now_s - signature.signed_at_s
    if abs(skew_s) <= rule.skew_s_max:
        return
    verdict = "Signature expired" if skew_s > 0 else "Signature not yet current"
    raise Unauthenticated(
        f"{verdict}: {signature.amz_date} is {abs(skew_s):.0f} s away from the server's time, and "
        f"at most {rule.skew_s_max} s are accepted. Check the clock of the caller.",
        reason="skew",
    )


def _check_payload(parts: RequestParts) -> None:
    declared = parts.headers.get("x-amz-content-sha256", parts.body_sha256)
    if declared != parts.body_sha256:
        raise _mismatch(
            "x-amz-content-sha256 must be the SHA-256 of the body; "
            "unsigned and streamed payloads are refused."
        )


def _canonical_request(signature: Signature, parts: RequestParts) -> str:
    path, query = _canonical_path(parts.raw_path), _canonical_query(parts.raw_query)
    lines = [parts.method.upper(), path, query]
    for name in signature.signed_headers:
        # Over HTTP/2 the AWS SDK for JavaScript signs `:authority`, which ASGI servers call `host`.
        value = parts.headers.get("host" if name == ":authority" else name)
        if value is None:
            raise _mismatch(f"The signed header '{name}' is not in the request.")
        lines.append(f"{name}:{' '.join(value.split())}")
    lines += ["", ";".join(signature.signed_headers), parts.body_sha256]
    return "\n".join(lines)


def _canonical_path(raw_path: str) -> str:
    # The path is encoded on the wire already; every service but S3 signs it encoded once more.
    if "//" in raw_path or "/." in raw_path:
        raw_path = _without_dot_segments(raw_path)
    return (raw_path or "/").translate(_QUOTED)


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment and segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _canonical_query(raw_query: str) -> str:
    if not raw_query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in raw_query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


# A derived key serves one secret, day, region and service. Callers may make up regions: bounded.
@lru_cache(maxsize=_SIGNING_KEYS_MAX)
def _signing_key(secret: str, scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _malformed(message: str) -> Unauthenticated:
    return Unauthenticated(message, reason="malformed")


def _mismatch(message: str) -> Unauthenticated:
    return Unauthenticated(message, reason="signature")
