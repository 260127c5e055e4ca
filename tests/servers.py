"""Real server processes for tests, each on a home of its own."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
READY_S = 30.0


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cli(*arguments: str, home: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the real command line on a home."""
    command = [sys.executable, "-m", "kilonova.cli.main", *arguments, "--home", str(home)]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60)


@dataclass
class Server:
    """A running server and one key of each kind."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    bearer_key: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    key_id: str = ""

    @property
    def authority(self) -> Path:
        """Who signed its certificate, where it did so itself."""
        return self.home / "tls" / "authority.pem"

    @property
    def trust(self) -> ssl.SSLContext | None:
        """What a client needs; nothing for a server without TLS."""
        if not self.url.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=self.authority)

    @property
    def admin_token(self) -> str:
        return (self.home / "admin.token").read_text().strip()

    def admin(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """One call of the admin API."""
        request = urllib.request.Request(
            f"{self.url}/kn/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "authorization": f"Bearer {self.admin_token}",
                "content-type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30, context=self.trust) as response:
            answer: dict[str, object] = json.load(response)
            return answer

    def new_key(self, *options: str) -> dict[str, str]:
        """A fresh key, made by the command line while the server runs."""
        made = cli("keys", "create", "--kind", "both", "--json", *options, home=self.home)
        key: dict[str, str] = json.loads(made.stdout)
        return key

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}")
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5, context=self.trust):
                    return
            # OSError: its authority is not made yet.
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise RuntimeError(f"the server was not ready within {READY_S} s")

    def stop(self, how: signal.Signals = signal.SIGTERM, wait_s: float = 20.0) -> int:
        """Ends the server; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(wait_s)


def start_server(
    home: Path,
    *,
    config: str = "",
    environment: dict[str, str] | None = None,
    wait: bool = True,
    has_tls: bool = False,
) -> Server:
    """Starts ``kilonova serve`` as its users do. The log goes to ``server.log`` in the home."""
    home.mkdir(parents=True, exist_ok=True)
    if config:
        (home / "kilonova.toml").write_text(config)
    port = free_port()
    command = [sys.executable, "-m", "kilonova.cli.main", "serve"]
    command += ["--home", str(home), "--port", str(port), *(["--tls"] if has_tls else [])]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
        )
    scheme = "https" if has_tls else "http"
    server = Server(url=f"{scheme}://127.0.0.1:{port}", home=home, process=process)
    if wait:
        try:
            server.wait_until_ready()
        except RuntimeError:
            process.kill()
            process.wait()
            raise
    return server


@contextmanager
def served(home: Path, *, config: str = "", has_tls: bool = False) -> Iterator[Server]:
    """A server with a key, as long as it is needed; it stops well and leaves a sound ledger."""
    running = start_server(home, config=config, has_tls=has_tls)
    try:
        key = running.new_key()
        running.bearer_key, running.key_id = key["bearer_key"], key["id"]
        running.access_key_id = key["access_key_id"]
        running.secret_access_key = key["secret_access_key"]
        yield running
    finally:
        assert running.stop() == 0
        verified = cli("ledger", "verify", "--json", home=home, check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr
