"""A process under test: started on a core of its own, read through ``/proc``, stopped at the end.

Two cores or more: the gateway under test has one to itself, the upstream and the client share
another, so that neither can slow the other down unseen.
"""

import os
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.client import ROOT

__all__ = ["GATEWAY_CORE", "LOAD_CORE", "Process", "free_port"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STOP_S = 20.0
_POLL_S = 0.005

_CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE: int = _CORES[0]
GATEWAY_CORE: int = _CORES[-1]


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """``with Process(command, log=…, core=…) as process: …``; ``core`` None leaves it free."""

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        core: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.started_s = time.perf_counter()
        self._log = log
        with log.open("ab") as file:
            self._child = subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
            )
        if core is not None:
            os.sched_setaffinity(self._child.pid, {core})

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads, to a hundredth of a second."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    @property
    def resident_mb(self) -> float:
        """Physical memory, in millions of bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def wait_for(self, url: str, *, wait_s: float = 60.0) -> float:
        """Seconds from the start until ``url`` answered 200."""
        while time.perf_counter() - self.started_s < wait_s:
            if not self.is_running:
                break
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return time.perf_counter() - self.started_s
            except (urllib.error.URLError, OSError):
                time.sleep(_POLL_S)
        raise RuntimeError(f"{url} never answered: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for who does not listen."""
        if self.is_running:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
