"""The doctor's checks, each on a machine that is ill in one way."""

import hashlib
import os
import resource
import socket
import time
from pathlib import Path

import apsw
import pytest

from kilonova.cli.doctor import installation, machine
from kilonova.cli.doctor.finding import Check, Finding, run_check
from kilonova.cli.doctor.installation import installation_checks
from kilonova.cli.doctor.machine import machine_checks
from kilonova.cli.exits import CommandError
from kilonova.cli.run import Run
from oidc_issuer import local_issuer
from servers import free_port


def find(name: str, home: Path) -> Finding:
    """The finding of one check."""
    run = Run(home=home, is_json=True, is_debug=False)
    run.home.prepare()
    checks = [*machine_checks(home), *installation_checks(run)]
    return run_check(next(check for check in checks if check.name == name))


def test_a_check_that_breaks_is_a_finding() -> None:
    """Protects the report: one broken check does not hide the others."""

    def expected() -> tuple[str, str, str]:
        raise CommandError("The disk is gone.")

    def unexpected() -> tuple[str, str, str]:
        raise KeyError("MemTotal")

    first = run_check(Check("a", expected))  # type: ignore[arg-type]
    assert (first.verdict, first.detail) == ("FAIL", "The disk is gone.")
    second = run_check(Check("b", unexpected))  # type: ignore[arg-type]
    assert second.verdict == "FAIL"
    assert "KeyError" in second.detail


@pytest.mark.parametrize(
    "name", ["python", "sqlite", "cpu", "memory", "disk", "fsync", "clock", "port", "settings"]
)
def test_this_machine_is_looked_at(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects every check from breaking on a well machine; a fix comes with trouble only."""
    monkeypatch.setenv("KILONOVA_SERVER__PORT", str(free_port()))
    finding = find(name, tmp_path)
    assert finding.verdict in ("OK", "WARN")
    assert bool(finding.fix) is (finding.verdict == "WARN")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_an_old_sqlite_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects committed transactions from the WAL bug fixed in 3.51.3."""
    for version, verdict in (("3.51.2", "FAIL"), ("3.9.0", "FAIL"), ("3.51.3", "OK")):
        monkeypatch.setattr(apsw, "sqlite_lib_version", lambda version=version: version)
        assert find("sqlite", tmp_path).verdict == verdict


def test_an_engine_that_does_not_load_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the first start: the wheel is tried in a process of its own."""
    monkeypatch.setattr(machine.sys, "executable", "/bin/false")
    finding = find("engine", tmp_path)
    assert finding.verdict == "FAIL"
    assert "pip install" in finding.fix


def test_a_processor_without_avx2_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects expectations."""
    monkeypatch.setattr(machine, "_cpu_flags", lambda: frozenset({"sse2"}))
    assert find("cpu", tmp_path).verdict == "WARN"


def test_files_from_the_future_mean_a_wrong_clock(tmp_path: Path) -> None:
    """Protects signatures and the order of ids."""
    (tmp_path / "kilonova.db").touch()
    os.utime(tmp_path / "kilonova.db", (time.time() + 3600,) * 2)
    assert find("clock", tmp_path).verdict == "WARN"


def test_few_file_handles_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects a busy server from running out of sockets."""
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 4096))
    assert find("open files", tmp_path).verdict == "WARN"


@pytest.mark.parametrize("name", ["master.key", "admin.token"])
def test_a_secret_that_others_can_read_fails(name: str, tmp_path: Path) -> None:
    """Protects the two files that open everything."""
    path = tmp_path / name
    path.touch(0o600)
    assert find(name.replace(".", " "), tmp_path).verdict == "OK"
    path.chmod(0o640)
    finding = find(name.replace(".", " "), tmp_path)
    assert finding.verdict == "FAIL"
    assert f"chmod 600 {path}" in finding.fix


def test_an_open_home_is_a_warning(tmp_path: Path) -> None:
    """Protects the store from other users of the machine."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    assert find("home", home).verdict == "WARN"


def test_a_taken_port_fails(tmp_path: Path) -> None:
    """Protects the first start from a message that says too little."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        (tmp_path / "kilonova.toml").write_text(f"[server]\nport = {port}\n")
        finding = find("port", tmp_path)
    assert finding.verdict == "FAIL"
    assert "--port" in finding.fix


def test_a_wrong_setting_fails(tmp_path: Path) -> None:
    """Protects whoever mistyped one: the doctor names it."""
    (tmp_path / "kilonova.toml").write_text("[server]\nprot = 1\n")
    finding = find("settings", tmp_path)
    assert finding.verdict == "FAIL"
    assert "server.prot" in finding.detail


def test_a_damaged_model_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects answers from a half-downloaded package."""
    weights = tmp_path / "weights"
    weights.mkdir()
    digest = hashlib.sha256(b"whole").hexdigest()
    (weights / "m.sha256").write_text(f"{digest}  m.gguf\n")
    monkeypatch.setattr(installation, "PACKAGED_WEIGHTS", weights)
    assert find("packaged models", tmp_path / "home").verdict == "FAIL"
    (weights / "m.gguf").write_bytes(b"whole")
    assert find("packaged models", tmp_path / "home").verdict == "OK"
    (weights / "m.gguf").write_bytes(b"hole")
    assert find("packaged models", tmp_path / "home").verdict == "FAIL"


def test_an_issuer_that_is_away_is_told(tmp_path: Path) -> None:
    """Protects operators: whether people can sign in by the issuer, and why not; a server without
    one lacks nothing."""
    assert find("sign-in", tmp_path).verdict == "OK"
    settings = tmp_path / "kilonova.toml"
    with local_issuer() as issuer:
        oidc = f'[oidc]\nissuer = "{issuer.url}"\nclient_id = "us"\n'
        settings.write_text(oidc)
        assert find("sign-in", tmp_path).verdict == "OK"
    away = find("sign-in", tmp_path)
    assert (away.verdict, issuer.url in away.detail) == ("WARN", True)
    settings.write_text(oidc.replace("http://127.0.0.1", "http://id.example"))
    assert "oidc.issuer" in find("sign-in", tmp_path).detail


def test_a_rule_for_an_organisation_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Protects people who should come in by a rule: a slip in the organisation's name is seen
    before the first of them stands outside."""
    settings = tmp_path / "kilonova.toml"
    with local_issuer() as issuer:
        oidc = (
            f'[oidc]\nissuer = "{issuer.url}"\nclient_id = "us"\n[[oidc.admit]]\ndomain = "a.b"\n'
        )
        settings.write_text(oidc + 'organisation = "acmee"\n')
        finding = find("sign-in", tmp_path)
        assert (finding.verdict, "acmee" in finding.detail) == ("WARN", True)
        settings.write_text(oidc + 'organisation = "default"\n')
        assert find("sign-in", tmp_path).verdict == "OK"
