"""HTTPS and HTTP/2 on one port, with real clients and the lines that ``serve`` prints for them."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import openai
import pytest
from botocore.exceptions import SSLError

from kilonova.cli.exits import CONFIG
from kilonova.tls.authority import Authority
from kilonova.tls.names import parse_name
from servers import Server, cli, free_port, start_server
from unit.tls.certificates import own, write

ECHO = "kilonova.echo-v1:0"
CONFIG_FILE = "[engines.spark]\nenabled = false\n"
CHAT = {"model": ECHO, "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a certificate of its own making."""
    yield from _served(tmp_path_factory.mktemp("tls"), has_tls=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without TLS."""
    yield from _served(tmp_path_factory.mktemp("plain"), has_tls=False)


def _served(home: Path, *, has_tls: bool) -> Iterator[Server]:
    running = start_server(home, config=CONFIG_FILE, has_tls=has_tls)
    running.bearer_key = running.new_key()["bearer_key"]
    yield running
    assert running.stop() == 0


def announced(server: Server) -> dict[str, str]:
    """The variables that the server printed for its first caller, as a shell would read them."""
    text, deadline = "", time.monotonic() + 30
    while "Talk to it" not in text and time.monotonic() < deadline:
        text = (server.home / "server.log").read_text()
    lines = re.findall(r"^  export (.*)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for line in lines for word in line.split())


@pytest.fixture
def shell(tls: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """All the lines, typed."""
    variables = announced(tls)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_boto3_with_a_bearer_key(shell: dict[str, str]) -> None:
    """Protects the one thing that boto3 does over HTTPS only: one key string, no signature."""
    assert shell["AWS_BEARER_TOKEN_BEDROCK"].startswith("kn_live_")
    client = boto3.Session().client("bedrock-runtime")
    message = {"role": "user", "content": [{"text": "hello there"}]}
    sent: list[str] = []
    client.meta.events.register(
        "before-send.bedrock-runtime", lambda request, **_: sent.append(_authorization(request))
    )
    answer = client.converse(modelId=ECHO, messages=[message])
    assert answer["output"]["message"]["content"][0]["text"] == "hello there"
    stream = client.converse_stream(modelId=ECHO, messages=[message])["stream"]
    assert [next(iter(event)) for event in stream][-1] == "metadata"
    assert [header[:15] for header in sent] == ["Bearer kn_live_"] * 2


def _authorization(request: Any) -> str:
    value = request.headers["Authorization"]
    return value.decode() if isinstance(value, bytes) else str(value)


def test_boto3_with_a_signature(shell: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects signed requests over TLS, and the control plane, under the name localhost."""
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    url = shell["AWS_ENDPOINT_URL_BEDROCK"].replace("127.0.0.1", "localhost")
    listed = boto3.Session().client("bedrock", endpoint_url=url).list_foundation_models()
    assert ECHO in [summary["modelId"] for summary in listed["modelSummaries"]]


def test_who_does_not_trust_does_not_talk(
    shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects callers from anyone else's certificate: the lines are needed."""
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(SSLError):
        boto3.Session().client("bedrock").list_foundation_models()


def test_the_openai_sdk(shell: dict[str, str]) -> None:
    """Protects SSL_CERT_FILE: the SDK is made with no argument at all."""
    with openai.OpenAI() as client:
        answer = client.chat.completions.create(**CHAT)  # type: ignore[call-overload]
        chunks = list(client.chat.completions.create(**CHAT, stream=True))  # type: ignore[call-overload]
    assert answer.choices[0].message.content == "hello there"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hello there"


def _bearer(server: Server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.bearer_key}"}


def test_httpx_over_http2(tls: Server) -> None:
    """Protects HTTP/2 as another implementation speaks it, streamed answers included."""
    pytest.importorskip("h2", reason="httpx needs the package h2 for HTTP/2")
    assert tls.trust is not None
    with httpx.Client(http2=True, verify=tls.trust, headers=_bearer(tls)) as client:
        _chat_over_http2(client, tls)


def test_http2_without_tls(plain: Server) -> None:
    """Protects clients that speak HTTP/2 from the first byte (h2c), on the port of HTTP/1.1."""
    pytest.importorskip("h2", reason="httpx needs the package h2 for HTTP/2")
    with httpx.Client(http1=False, http2=True, headers=_bearer(plain)) as client:
        _chat_over_http2(client, plain)
    with httpx.Client(headers=_bearer(plain)) as client:
        assert client.get(f"{plain.url}/v1/models").http_version == "HTTP/1.1"


def _chat_over_http2(client: httpx.Client, server: Server) -> None:
    url = f"{server.url}/v1/chat/completions"
    whole = client.post(url, json=CHAT)
    assert (whole.status_code, whole.http_version) == (200, "HTTP/2")
    streamed = client.post(url, json={**CHAT, "stream": True})
    assert streamed.text.rstrip().endswith("data: [DONE]")
    long = client.post(url, json=CHAT, headers={"x-filler": "x" * 132_000})
    assert long.status_code == 431
    assert client.post(url, json=CHAT).status_code == 200


@pytest.fixture(scope="module")
def curl() -> str:
    """Its path, where it speaks HTTP/2."""
    path = shutil.which("curl")
    if path is None or "HTTP2" not in subprocess.check_output([path, "--version"], text=True):
        pytest.skip("curl with HTTP/2 is not installed")
    return path


@pytest.mark.parametrize(
    ("option", "version"),
    [("--http2", "2"), ("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")],
)
def test_curl(curl: str, tls: Server, plain: Server, option: str, version: str) -> None:
    """Protects people at a terminal: both versions, over TLS and, where they know, without."""
    for server in (tls, plain):
        if server is plain and option == "--http2":
            continue  # an upgrade of plain HTTP/1.1, which RFC 9113 has dropped
        command = [curl, "-sS", option, "-w", "\n%{http_version}", f"{server.url}/v1/models"]
        command += ["-H", f"Authorization: Bearer {server.bearer_key}"]
        if server is tls:
            command += ["--cacert", str(tls.authority)]
        body, _, spoken = subprocess.check_output(command, text=True).rpartition("\n")
        assert spoken == version
        assert ECHO in [model["id"] for model in json.loads(body)["data"]]


def test_a_body_that_is_refused_unread(curl: str, tls: Server, tmp_path: Path) -> None:
    """Protects the other streams of a connection: on HTTP/1.1 such a refusal closes it, over HTTP/2
    it ends the one stream."""
    (tmp_path / "large").write_bytes(b"x" * 25_000_001)
    url = f"{tls.url}/v1/chat/completions"
    command = [curl, "-sS", "--cacert", str(tls.authority), "-w", " %{http_code} %{num_connects}\n"]
    command += ["-o", str(tmp_path / "answer"), "-o", str(tmp_path / "models")]
    command += ["--data-binary", f"@{tmp_path / 'large'}", url, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [" 413 1", " 413 0"]


def handshake(server: Server, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    parts = urlsplit(server.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=10)
    return context.wrap_socket(connection, server_hostname=name)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)],
)
def test_alpn(tls: Server, offered: list[str], chosen: str | None) -> None:
    """Protects clients that ask for what they speak."""
    context = ssl.create_default_context(cafile=tls.authority)
    if offered:
        context.set_alpn_protocols(offered)
    with handshake(tls, context) as connection:
        assert connection.selected_alpn_protocol() == chosen


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_strict_verifiers_are_content(tls: Server, name: str) -> None:
    """Protects newer clients, whose default refuses certificates that break RFC 5280."""
    context = ssl.create_default_context(cafile=tls.authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with handshake(tls, context, name) as connection:
        assert connection.version() == "TLSv1.3"


def test_old_versions_are_refused(tls: Server) -> None:
    """Protects against TLS 1.1 and below; 1.2 is still spoken."""
    context = ssl.create_default_context(cafile=tls.authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with handshake(tls, context) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(tls, context, "example.com")


def test_the_authority_binds_openssl(tls: Server) -> None:
    """Protects trust: a certificate for a vendor's host from our own key verifies nowhere."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    authority = Authority.from_pem((tls.home / "tls" / "authority.key").read_bytes())
    for name, verdict in (("api.example.com", 1), ("198.51.100.7", 1), ("box.internal", 0)):
        path = tls.home / "issued.pem"
        path.write_bytes(authority.issue((parse_name(name),), datetime.now(UTC)))
        command = ["openssl", "verify", "-CAfile", str(tls.authority), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert bool(done.returncode) == bool(verdict), done.stdout + done.stderr
        assert ("permitted subtree violation" in done.stderr) == bool(verdict)


def test_the_command_line_beside_the_server(tls: Server) -> None:
    """Protects operators: every command and a chat reach a server with TLS."""
    listed = json.loads(cli("models", "list", "--json", home=tls.home).stdout)
    assert ECHO in [model["id"] for model in listed["data"]]
    assert _chat(tls.home) == "hello there"


def _chat(home: Path) -> str:
    command = [sys.executable, "-m", "kilonova.cli.main", "chat", ECHO, "--home", str(home)]
    done = subprocess.run(
        command, input="hello there", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_doctor_visits(tls: Server) -> None:
    """Protects the doctor: it starts from the note of the server, trusts it, and sends requests."""
    _visit(tls.home, "mode 0600")


def _visit(home: Path, certificate: str) -> None:
    report: dict[str, Any] = json.loads(cli("doctor", "--json", home=home, check=False).stdout)
    found = {each["check"]: each for each in report["findings"]}
    for check in ("certificate", "port", "server", "aws wire", "openai wire"):
        assert found[check]["verdict"] == "OK", found[check]
    assert certificate in found["certificate"]["detail"]


OWN = f"""{CONFIG_FILE}
[tls]
enabled = true
certificate_file = "own.crt"
key_file = "own.key"
check_s = 0.2
"""


def _own_pair() -> tuple[bytes, bytes]:
    now = datetime.now(UTC)
    return own(begins_at=now - timedelta(days=1), ends_at=now + timedelta(days=60))


@pytest.mark.slow
def test_a_certificate_of_the_operators(tmp_path: Path) -> None:
    """Protects public certificates: announced by their name, replaced without a restart, and the
    command line on the machine itself does not need the name."""
    first, second = _own_pair(), _own_pair()
    write(tmp_path, first)
    server = start_server(tmp_path, config=OWN, wait=False)
    server.url = server.url.replace("http:", "https:")
    try:
        _until_shown(server, first[0])
        variables = announced(server)
        port = urlsplit(server.url).port
        assert variables["OPENAI_BASE_URL"] == f"https://ai.example.com:{port}/v1"
        assert "AWS_CA_BUNDLE" not in variables
        assert _chat(tmp_path) == "hello there"
        _visit(tmp_path, "for ai.example.com, 59 days left")
        write(tmp_path, second)
        _until_shown(server, second[0])
        assert _chat(tmp_path) == "hello there"
    finally:
        assert server.stop() == 0


def _until_shown(server: Server, certificate: bytes) -> None:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    shown, deadline = "", time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.process.poll() is None
        try:
            shown = ssl.get_server_certificate((parts.hostname, parts.port), timeout=5)
        except OSError:
            shown = ""
        if shown.split() == certificate.decode().split():
            return
        time.sleep(0.1)
    raise AssertionError(f"the server shows {shown}")


@pytest.mark.slow
def test_a_renewal_cuts_no_stream(tmp_path: Path) -> None:
    """Protects answers that are under way while the certificate changes."""
    first, second = _own_pair(), _own_pair()
    write(tmp_path, first)
    server = start_server(tmp_path, config=OWN, wait=False)
    server.url = server.url.replace("http:", "https:")
    try:
        _until_shown(server, first[0])
        server.bearer_key = server.new_key()["bearer_key"]
        text = "[[echo: tokens=100]] [[echo: delay_ms=80]] word"
        body = {**CHAT, "messages": [{"role": "user", "content": text}], "stream": True}
        url = f"{server.url}/v1/chat/completions"
        with (
            httpx.Client(verify=False, timeout=30, headers=_bearer(server)) as client,
            client.stream("POST", url, json=body) as answer,
        ):
            lines = answer.iter_lines()
            next(lines)
            write(tmp_path, second)
            _until_shown(server, second[0])
            rest = [line for line in lines if line.startswith("data: ")]
        assert rest[-1] == "data: [DONE]"
        assert sum('"content":" word"' in line for line in rest) >= 98
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('certificate_file = "none.crt"\nkey_file = "own.key"', "none.crt cannot be read"),
        ('certificate_file = "own.key"\nkey_file = "own.key"', "no certificate in PEM form"),
        ('certificate_file = "own.crt"', "tls.key_file is not set"),
        ('names = ["https://x"]', "'https://x' is no name for a certificate"),
    ],
)
def test_a_bad_certificate_is_told_and_not_served(tmp_path: Path, lines: str, words: str) -> None:
    """Protects operators: a sentence that names the file, exit code 3, no traceback."""
    write(tmp_path, _own_pair())
    (tmp_path / "kilonova.toml").write_text(f"[tls]\nenabled = true\n{lines}\n")
    done = cli("serve", "--port", str(free_port()), home=tmp_path, check=False)
    assert done.returncode == CONFIG
    assert words in done.stderr
    assert "Traceback" not in done.stderr
