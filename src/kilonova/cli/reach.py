"""The server that a command talks to: the one that runs on the home, or one for the time being."""

import http.client
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from kilonova.cli.exits import UNREACHABLE, CommandError
from kilonova.cli.link import open_link
from kilonova.cli.run import Run
from kilonova.home import HomeInUseError, ServerNote

__all__ = ["is_ready", "reach"]

_START_S = 60.0
_STOP_S = 15.0


@contextmanager
def reach(run: Run) -> Iterator[ServerNote]:
    """Where the server is, once it is ready. A server that was started here is stopped again."""
    run.home.prepare()
    if not _is_free(run):
        yield _wait(run, lambda: None)
        return
    with tempfile.TemporaryFile() as log:
        child = _start(run.home.path, log)
        try:
            yield _wait(run, lambda: _check_alive(child, log))
        finally:
            _stop(child)


def is_ready(note: ServerNote) -> bool:
    """Whether the server answers and its engines do."""
    try:
        with closing(open_link(note, timeout_s=5)) as link:
            link.request("GET", "/readyz")
            return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def _is_free(run: Run) -> bool:
    try:
        run.home.lock()
    except HomeInUseError:
        return False
    run.home.unlock()
    return True


def _start(home: Path, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "kilonova.cli.main", "serve", "--quiet", "--home", str(home)]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A session of its own: Ctrl-C in the terminal is for the command, not for its server.
    return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _check_alive(child: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    if child.poll() is None:
        return
    log.seek(0)
    last = log.read().decode(errors="replace").strip().splitlines()[-3:]
    raise CommandError("\n".join(["The server did not start:", *last]), code=UNREACHABLE)


def _wait(run: Run, check: Callable[[], None]) -> ServerNote:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        check()
        note = run.home.server_note()
        if note is not None and is_ready(note):
            run.output.progress("")
            return note
        run.output.progress("Waiting for the server …")
        time.sleep(0.05)
    raise CommandError(
        f"No server on {run.home.path} became ready within {_START_S:.0f} seconds.",
        code=UNREACHABLE,
    )
