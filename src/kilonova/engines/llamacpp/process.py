"""One child process: started with its private folder, asked to leave, killed if it does not."""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from pathlib import Path

import msgspec

import kilonova
from kilonova.engines.llamacpp.spec import ChildSpec

__all__ = ["ChildProcess", "open_child"]

_STDERR_LINES = 200
_LINE_BYTES_MAX = 1 << 16
_LEAVE_S_MAX = 2.0

_COMMAND = (sys.executable, "-m", "kilonova.engines.llamacpp")

# Nothing else of the parent's environment reaches the child: it may hold secrets.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "LANG", "OMP_NUM_THREADS")


class ChildProcess:
    """Owns the process, its folder and the task that keeps the last lines of its log."""

    def __init__(self, process: Process, spec: ChildSpec) -> None:
        self.spec = spec
        self.lines: deque[str] = deque(maxlen=_STDERR_LINES)
        self._process = process
        self._reader = asyncio.create_task(self._keep_lines(), name="llamacpp-stderr")

    @property
    def id(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> str:
        """Until it ends; says how it did."""
        code = await self._process.wait()
        await asyncio.wait([self._reader], timeout=_LEAVE_S_MAX)
        how = f"signal {-code}" if code < 0 else f"status {code}"
        return f"the child ended with {how}: {self.last_words()}"

    def last_words(self) -> str:
        """The end of its log: llama.cpp gives the reason of a failure nowhere else."""
        return " | ".join(list(self.lines)[-5:]) or "it said nothing"

    def kill(self) -> None:
        if self.is_running:
            self._process.kill()

    async def close(self) -> None:
        """Ask it to leave, then make it; remove everything it had."""
        try:
            if self.is_running:
                self._process.terminate()
                async with asyncio.timeout(_LEAVE_S_MAX):
                    await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        finally:
            self.kill()
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            shutil.rmtree(self.spec.folder, ignore_errors=True)

    async def _keep_lines(self) -> None:
        assert self._process.stderr is not None
        while received := await self._process.stderr.read(_LINE_BYTES_MAX):
            for line in received.decode(errors="replace").splitlines():
                if line.strip():
                    self.lines.append(line.strip()[:500])


async def open_child(wanted: ChildSpec) -> ChildProcess:
    """Start a child; it is not ready yet. What is private to it is filled in here."""
    folder = tempfile.mkdtemp(prefix="kilonova-")  # a socket's path has at most 107 bytes
    spec = msgspec.structs.replace(
        wanted,
        folder=folder,
        socket_path=f"{folder}/engine.sock",  # llama.cpp knows a socket by this ending
        api_key=secrets.token_urlsafe(32),
        parent_id=os.getpid(),
    )
    path = Path(folder) / "spec.json"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(spec))
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, "--spec", str(path),
        stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=_environment(), start_new_session=True,
    )  # fmt: skip
    return ChildProcess(process, spec)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    assert kilonova.__file__ is not None
    source = str(Path(kilonova.__file__).parents[1])
    # Idle threads that spin would take the cores away from other children and from the gateway.
    return kept | {"PYTHONPATH": source, "OMP_WAIT_POLICY": "passive"}
