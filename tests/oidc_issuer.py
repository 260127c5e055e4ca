"""A small OpenID Connect issuer on this machine: real addresses, real codes, real signatures.

It does what the standard asks, and on demand what an attacker or a broken issuer would do.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

CLIENT_ID = "kilonova-console"
SECRET = "kept between us: %&+ and all"


@dataclass
class Granted:
    """A code, and what it was given for."""

    who: str
    redirect: str
    nonce: str
    challenge: str
    is_used: bool = False


@dataclass
class LocalIssuer:
    """``people`` are claims by a name; ``spoil`` changes the claims of the next ID tokens."""

    url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "first"})])
    spoil: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    key: Any = None
    hides: tuple[str, ...] = ()
    says_issuer: bool = True
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    codes: dict[str, Granted] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False

    def rotate(self) -> None:
        """A new key signs from now on; the old one is published no more."""
        self.keys = [ECKey.generate_key("P-256", {"kid": f"kid-{secrets.token_hex(4)}"})]

    def pick(self, address: str, who: str) -> dict[str, str]:
        """Signs somebody in as the page of the issuer would; what the browser comes back with."""
        query = urlsplit(address).query
        request = urllib.request.Request(f"{self.url}/pick?who={who}&{query}")
        with pytest.raises(urllib.error.HTTPError) as led:
            _OPENER.open(request, timeout=10)
        with led.value:
            assert led.value.code == 302
            return dict(parse_qsl(urlsplit(led.value.headers["location"]).query))

    def id_token(self, granted: Granted, access_token: str) -> str:
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": granted.nonce,
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **{k: v for k, v in self.people[granted.who].items() if k not in self.hides},
            **self.spoil,
        }
        key = self.key or self.keys[0]
        default = {RSAKey: "RS256", ECKey: "ES256", OctKey: "HS256"}[type(key)]
        header = {"alg": default, "kid": self.keys[0].kid, **self.header}
        if header["alg"] == "none":
            parts = [json.dumps(each).encode() for each in (header, claims)]
            return ".".join(_encoded(part) for part in parts) + "."
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Issuer</title></head>
<body><main><h1>Who are you?</h1>{}</main></body></html>"""


@contextmanager
def local_issuer() -> Iterator[LocalIssuer]:
    """Serves on a port of its own until the block ends."""
    issuer = LocalIssuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            issuer.asked.append(parts.path)
            match parts.path:
                case _ if issuer.is_down:
                    self._send(503, {})
                case "/.well-known/openid-configuration":
                    self._send(200, self._document())
                case "/keys":
                    self._send(200, KeySet(issuer.keys).as_dict(private=False))
                case "/authorize":
                    self._choose(parts.query)
                case "/pick":
                    self._pick(query)
                case "/userinfo":
                    who = (self.headers["authorization"] or "").rpartition("-")[2]
                    self._send(200, issuer.people[who])
                case _:
                    self._send(404, {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            issuer.asked.append(urlsplit(self.path).path)
            self._redeem({name: values[0] for name, values in form.items()})

        def _document(self) -> dict[str, Any]:
            return {
                "issuer": issuer.url,
                "authorization_endpoint": f"{issuer.url}/authorize",
                "token_endpoint": f"{issuer.url}/token",
                "jwks_uri": f"{issuer.url}/keys",
                "userinfo_endpoint": f"{issuer.url}/userinfo",
                "token_endpoint_auth_methods_supported": list(issuer.auth_methods),
                "authorization_response_iss_parameter_supported": issuer.says_issuer,
            }

        def _choose(self, query: str) -> None:
            links = [
                f'<p><a href="/pick?who={who}&amp;{query.replace("&", "&amp;")}">{who}</a></p>'
                for who in issuer.people
            ]
            page = _PAGE.format("".join(links)).encode()
            self._answer(200, page, "text/html; charset=utf-8")

        def _pick(self, query: dict[str, str]) -> None:
            assert query["response_type"] == "code"
            assert query["client_id"] == CLIENT_ID
            assert query["code_challenge_method"] == "S256"
            assert "openid" in query["scope"].split()
            back = {"state": query["state"], "iss": issuer.url}
            if query["who"] == "nobody":
                back |= {"error": "access_denied", "error_description": "<b>no</b>"}
            else:
                code = secrets.token_urlsafe(16)
                issuer.codes[code] = Granted(
                    query["who"], query["redirect_uri"], query["nonce"], query["code_challenge"]
                )
                back["code"] = code
            if not issuer.says_issuer:
                del back["iss"]
            self.send_response(302)
            self.send_header("location", f"{query['redirect_uri']}?{urlencode(back)}")
            self.send_header("content-length", "0")
            self.end_headers()

        def _redeem(self, form: dict[str, str]) -> None:
            granted = issuer.codes.get(form.get("code", ""))
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if not self._is_client(form):
                self._send(401, {"error": "invalid_client"})
            elif (
                granted is None
                or granted.is_used
                or granted.redirect != form["redirect_uri"]
                or granted.challenge != _encoded(digest)
            ):
                self._send(400, {"error": "invalid_grant"})
            else:
                granted.is_used = True
                access_token = f"access-{granted.who}"
                token = issuer.id_token(granted, access_token)
                self._send(200, {"id_token": token, "access_token": access_token})

        def _is_client(self, form: dict[str, str]) -> bool:
            if "client_secret_basic" not in issuer.auth_methods:
                return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, SECRET)
            _, _, encoded = (self.headers["authorization"] or "").partition(" ")
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT_ID, SECRET)

        def _send(self, status: int, body: Any) -> None:
            self._answer(status, json.dumps(body).encode(), "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Tests read no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
