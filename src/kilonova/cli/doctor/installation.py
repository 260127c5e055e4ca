"""Checks of an installation: its files, its port, its books, its model."""

import hashlib
import socket
import stat
from pathlib import Path

from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from kilonova.cli.doctor.finding import Check, Verdict
from kilonova.cli.reach import is_ready
from kilonova.cli.run import Run
from kilonova.settings import ServerSettings

__all__ = ["installation_checks"]

_Result = tuple[Verdict, str, str]


def installation_checks(run: Run) -> list[Check]:
    """The home exists; a server may run on it."""
    return [
        Check("settings", lambda: _settings(run)),
        Check("home", lambda: _home(run.home.path)),
        Check("master key", lambda: _private(run.home.master_key_path)),
        Check("admin token", lambda: _private(run.home.admin_token_path)),
        Check("port", lambda: _port(run)),
        Check("store", lambda: _store(run)),
        Check("ledger", lambda: _ledger(run)),
        Check("packaged model", _packaged_model),
    ]


def _settings(run: Run) -> _Result:
    settings = run.settings()
    return "OK", f"{len(settings.engines)} engines and {len(settings.models)} models named", ""


def _home(path: Path) -> _Result:
    mode = stat.S_IMODE(path.stat().st_mode)
    verdict: Verdict = "WARN" if mode & 0o077 else "OK"
    return verdict, f"{path}, mode {mode:04o}", f"Others can look in. Run: chmod 700 {path}"


def _private(path: Path) -> _Result:
    if not path.exists():
        return "OK", "not made yet: the first start makes it", ""
    mode = stat.S_IMODE(path.stat().st_mode)
    verdict: Verdict = "FAIL" if mode & 0o077 else "OK"
    fix = f"Others can read it. Run: chmod 600 {path}; if anyone may have read it, replace it."
    return verdict, f"mode {mode:04o}", fix


def _port(run: Run) -> _Result:
    server = run.settings().server
    where = f"{server.host}:{server.port}"
    note = run.home.server_note()
    if note is not None and is_ready(note.url):
        return "OK", f"{note.url} is this installation's server (process {note.pid})", ""
    if _is_taken(server):
        return "FAIL", f"{where} is taken", "Stop what listens there, or serve with --port."
    return "OK", f"{where} is free", ""


def _is_taken(server: ServerSettings) -> bool:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except OSError:
            return True
    return False


def _store(run: Run) -> _Result:
    """Opening it checks its schema and that the master key belongs to it."""
    status = run.ask(lambda plane: plane.status())
    return "OK", f"opens with version {status.version}", ""


def _ledger(run: Run) -> _Result:
    found = run.ask(lambda plane: plane.verify_ledger())
    if found.is_sound:
        return "OK", f"{len(found.checks)} invariants hold", ""
    fix = "Stop the server, keep a copy of the home, and restore the last good backup."
    return "FAIL", "; ".join(found.problems[:3]), fix


def _packaged_model() -> _Result:
    paths = sorted(PACKAGED_WEIGHTS.glob("*.sha256"))
    wrong = [path.stem for path in paths if not _is_whole(path)]
    if wrong or not paths:
        detail = f"damaged: {', '.join(wrong)}" if wrong else "missing from the package"
        return "FAIL", detail, "Reinstall: pip install --force-reinstall kilonova"
    return "OK", f"{', '.join(path.stem for path in paths)}: sha256 as published", ""


def _is_whole(path: Path) -> bool:
    weights = path.with_suffix(".gguf")
    if not weights.exists():
        return False
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.read_text().split()[0] == digest
