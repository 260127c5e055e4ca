"""Alerts on their way out: one POST each, signed as Standard Webhooks asks for.

The receiver checks ``webhook-signature``: ``v1,`` and the Base64 of HMAC-SHA-256 over
``id.timestamp.body``. An alert may come twice (after a crash); ``webhook-id`` is then the same.
The address is the operator's own; no redirect leads anywhere else.
"""

import base64
import binascii
import hashlib
import hmac
import os
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kilonova.core.budgets import Alert, owner_kind
from kilonova.core.money import format_nano
from kilonova.settings import AlertSettings, SettingsError

__all__ = ["Webhook", "WebhookError", "alert_body", "open_webhook", "signature"]

_STANDARD_PREFIX = "whsec_"
_SECRET_BYTES_MIN = 16


class WebhookError(RuntimeError):
    """The receiver did not take an alert; the message says what it did instead."""


class Webhook:
    """One address with the secret that signs for it."""

    def __init__(self, url: str, secret: bytes, *, wait_s_max: float = 10.0) -> None:
        self._url = url
        self._secret = secret
        self._wait_s_max = wait_s_max

    async def send(self, alert: Alert, *, at_s: int) -> None:
        """Returns when the receiver said 2xx. Raises WebhookError."""
        import aiohttp  # here, because few installations have a webhook

        body = alert_body(alert)
        headers = {
            "content-type": "application/json",
            "user-agent": "kilonova",
            "webhook-id": alert.id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(self._secret, alert.id, at_s=at_s, body=body),
        }
        limit = aiohttp.ClientTimeout(total=self._wait_s_max)
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=limit, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.post(
                    self._url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise WebhookError(f"{type(error).__name__}: {error}") from None
        if not 200 <= status < 300:
            raise WebhookError(f"it answered {status}")


def alert_body(alert: Alert) -> bytes:
    """What is sent. Amounts are decimal text; nothing of any request is in it."""
    raised_at = datetime.fromtimestamp(alert.raised_ms / 1000, UTC).isoformat()
    facts = {
        "id": alert.id,
        "owner": owner_kind(alert.level_id),
        "level_id": alert.level_id,
        "budget": alert.budget,
        "window": alert.window,
        "percent": alert.percent,
        "amount": format_nano(alert.budget_nano),
        "spent": format_nano(alert.spent_nano),
        "raised_at": raised_at,
    }
    kind = "budget.refused" if alert.is_refusal else "budget.reached"
    return msgspec.json.encode({"type": kind, "timestamp": raised_at, "data": facts})


def signature(secret: bytes, alert_id: str, *, at_s: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    signed = f"{alert_id}.{at_s}.".encode() + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def open_webhook(settings: AlertSettings) -> Webhook | None:
    """None where none is set. Raises SettingsError for an address or a secret that cannot be."""
    if not settings.webhook:
        return None
    parts = urlsplit(settings.webhook)
    is_plain = parts.scheme == "http" and _is_this_machine(parts.hostname or "")
    if not parts.hostname or (parts.scheme != "https" and not is_plain):
        raise SettingsError(
            "alerts.webhook: write an https:// address (http:// only on this machine), "
            f"not {settings.webhook!r}"
        )
    return Webhook(settings.webhook, _secret(settings.secret))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(reference: str) -> bytes:
    kind, _, name = reference.partition(":")
    if kind not in ("env", "file") or not name:
        raise SettingsError(
            "alerts.secret: a webhook needs one to sign with. Write a reference, env:NAME or "
            "file:/path, not the secret"
        )
    try:
        text = (os.environ[name] if kind == "env" else Path(name).read_text()).strip()
    except KeyError:
        raise SettingsError(f"alerts.secret: {name} is not in the environment") from None
    except OSError as error:
        raise SettingsError(f"alerts.secret: {name} cannot be read: {error.strerror}") from None
    try:
        is_standard = text.startswith(_STANDARD_PREFIX)
        secret = base64.b64decode(text[len(_STANDARD_PREFIX) :]) if is_standard else text.encode()
    except binascii.Error:
        raise SettingsError("alerts.secret: what follows whsec_ is not Base64") from None
    if len(secret) < _SECRET_BYTES_MIN:
        raise SettingsError(f"alerts.secret: at least {_SECRET_BYTES_MIN} bytes are needed")
    return secret
