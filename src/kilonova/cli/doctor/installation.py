"""Checks of an installation: its files, its port, its books, its model."""

import asyncio
import hashlib
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

from kilonova.admin.schema import PageQuery
from kilonova.catalog.catalog import PACKAGED_WEIGHTS
from kilonova.cli.doctor.finding import Check, Verdict
from kilonova.cli.pages import every
from kilonova.cli.reach import is_ready
from kilonova.cli.run import Run
from kilonova.core.clock import SystemClock
from kilonova.settings import OidcSettings, ServerSettings
from kilonova.tls.certificate import read_certificate

__all__ = ["installation_checks"]

# Who has a public authority renew its certificates does so a month ahead.
_CERTIFICATE_DAYS_MIN = 14

_Result = tuple[Verdict, str, str]


def installation_checks(run: Run) -> list[Check]:
    """The home exists; a server may run on it."""
    return [
        Check("settings", lambda: _settings(run)),
        Check("home", lambda: _home(run.home.path)),
        Check("master key", lambda: _private(run.home.master_key_path)),
        Check("admin token", lambda: _private(run.home.admin_token_path)),
        Check("certificate", lambda: _certificate(run)),
        Check("port", lambda: _port(run)),
        Check("sign-in", lambda: _sign_in(run)),
        Check("store", lambda: _store(run)),
        Check("ledger", lambda: _ledger(run)),
        Check("packaged models", _packaged_models),
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


def _certificate(run: Run) -> _Result:
    tls = run.settings().tls
    if tls.certificate_file and tls.key_file:
        folder, now = run.home.path, datetime.now(UTC)
        found = read_certificate(folder / tls.certificate_file, folder / tls.key_file, now)
        days = (found.expires_at - now).days
        verdict: Verdict = "OK" if days >= _CERTIFICATE_DAYS_MIN else "WARN"
        fix = "Have it renewed: a running server takes up the new file by itself."
        return verdict, f"for {', '.join(found.names)}, {days} days left", fix
    authority = run.home.tls_path / "authority.key"
    if not authority.exists():
        return "OK", "none: the first serve --tls makes one", ""
    # What it signs renews itself, so its key is what matters.
    return _private(authority)


def _port(run: Run) -> _Result:
    server = run.settings().server
    where = f"{server.host}:{server.port}"
    note = run.home.server_note()
    if note is not None and is_ready(note):
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


def _sign_in(run: Run) -> _Result:
    oidc = run.settings().oidc
    if not oidc.issuer:
        return "OK", "by password; no issuer is set", ""
    from kilonova.accounts.oidc.sign_in import check_oidc
    from kilonova.accounts.oidc.web import UnreachableError

    try:
        where = asyncio.run(check_oidc(oidc, SystemClock()))
    except UnreachableError as error:
        return (
            "WARN",
            str(error),
            "Nobody can sign in by it now. Check oidc.issuer and the network.",
        )
    unknown = _unknown_organisations(run, oidc)
    if unknown:
        fix = "Nobody comes in by such a rule. Create it: kilonova organisations create NAME"
        return "WARN", f"oidc.admit names no organisation here: {', '.join(unknown)}", fix
    return "OK", f"{oidc.issuer} answers; people go to {where}", ""


def _unknown_organisations(run: Run, oidc: OidcSettings) -> list[str]:
    """What rules name and nobody made; without naming one, a rule means the first."""
    wanted = {rule.organisation for rule in oidc.admit if rule.organisation}
    if not wanted:
        return []
    found = run.ask(lambda plane: every(plane.list_organisations, PageQuery()))
    return sorted(wanted - {name for each in found for name in (each.id, each.name)})


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


def _packaged_models() -> _Result:
    paths = sorted(PACKAGED_WEIGHTS.glob("*.sha256"))
    wrong = [path.stem for path in paths if not _is_whole(path)]
    if wrong or not paths:
        detail = f"damaged: {', '.join(wrong)}" if wrong else "missing from the package"
        return "FAIL", detail, "Reinstall: pip install --force-reinstall kilonova"
    return "OK", f"{', '.join(path.stem for path in paths)}: sha256 as published", ""


def _is_whole(checksum: Path) -> bool:
    """Whether the file that a checksum names beside itself has that checksum."""
    digest, name = checksum.read_text().split()
    weights = checksum.with_name(name)
    if not weights.exists():
        return False
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
