"""Raw requests, for what no SDK would ever send."""

import datetime
import http.client
import json
import socket
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from servers import Server

CHAT = "/v1/chat/completions"
ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
CONVERSE = "/model/kilonova.echo-v1%3A0/converse"


def post(
    server: Server, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """One POST; status, headers with lower-case names, body."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def bearer(server: Server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.bearer_key}", "content-type": "application/json"}


def chat_body(text: str, *, model: str = ECHO, **more: object) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": model, "messages": messages, **more}).encode()


def slow(words: int, token_ms: int) -> bytes:
    """A stream of so many words, with a pause before each."""
    return chat_body(f"[[echo: tokens={words}]] [[echo: delay_ms={token_ms}]] x", stream=True)


def converse_body(text: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode()


def signed(
    server: Server,
    path: str,
    body: bytes,
    *,
    secret: str = "",
    access_key_id: str = "",
    at: datetime.datetime | None = None,
) -> dict[str, str]:
    """The headers that botocore's own signer makes, at any time of our choice."""
    credentials = Credentials(
        access_key_id or server.access_key_id, secret or server.secret_access_key
    )
    request = AWSRequest(method="POST", url=server.url + path, data=body)
    request.headers["content-type"] = "application/json"
    request.headers["host"] = urlsplit(server.url).netloc
    if at is None:
        SigV4Auth(credentials, "bedrock", "us-east-1").add_auth(request)
    else:
        _sign_at(request, credentials, at)
    return dict(request.headers.items())


def _sign_at(request: AWSRequest, credentials: Credentials, at: datetime.datetime) -> None:
    import botocore.auth

    original = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda **_: at.replace(tzinfo=None)
    try:
        SigV4Auth(credentials, "bedrock", "us-east-1").add_auth(request)
    finally:
        botocore.auth.get_current_datetime = original


def connect(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def send_chat(server: Server, body: bytes) -> socket.socket:
    """A streaming request on a socket of its own, so that a test can leave at any byte."""
    connection = connect(server)
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {server.bearer_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def read_events(connection: socket.socket, count: int) -> bytes:
    """Reads until ``count`` server-sent events arrived, or the end."""
    received = b""
    while received.count(b"data: ") < count:
        piece = connection.recv(65_536)
        if not piece:
            break
        received += piece
    return received
