"""The command: runs every check, shows each line as it is known, and sums up."""

from contextlib import ExitStack

import typer

from kilonova.cli.command import NoOptions, command, verb
from kilonova.cli.doctor.finding import Check, Finding, run_check
from kilonova.cli.doctor.installation import installation_checks
from kilonova.cli.doctor.machine import machine_checks
from kilonova.cli.doctor.wires import Visit
from kilonova.cli.exits import FAILURE, INTEGRITY
from kilonova.cli.run import Run

__all__ = ["app"]

app = verb()

_COLOURS = {"OK": "green", "WARN": "yellow", "FAIL": "red"}


@command(app)
def doctor(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """Check this machine and this installation, and prove that requests are metered and priced."""
    run.home.prepare()
    findings: list[Finding] = []

    def look(checks: list[Check]) -> None:
        for check in checks:
            run.output.progress(f"{check.name} …")
            findings.append(run_check(check))
            run.output.progress("")
            _show(run, findings[-1])

    look([*machine_checks(run.home.path), *installation_checks(run)])
    with ExitStack() as stack:
        visit = Visit(run, stack)
        look([Check("server", visit.begin)])
        look(visit.checks())
    _sum_up(run, findings)


def _show(run: Run, finding: Finding) -> None:
    if run.output.is_json:
        return
    verdict = run.output.mark(f"{finding.verdict:<4}", _COLOURS[finding.verdict])
    lines = [f"{verdict}  {finding.check:<15}  {finding.detail}"]
    if finding.fix:
        lines.append(f"      {'':<15}  → {finding.fix}")
    run.output.lines(lines)


def _sum_up(run: Run, findings: list[Finding]) -> None:
    failed = [finding.check for finding in findings if finding.verdict == "FAIL"]
    if run.output.is_json:
        run.output.document({"is_fit": not failed, "findings": findings})
    else:
        run.output.note(f"{len(findings)} checks, {len(failed)} failed")
    # Books that cannot be opened are not books that are wrong.
    if "ledger" in failed and "store" not in failed:
        raise typer.Exit(INTEGRITY)
    if failed:
        raise typer.Exit(FAILURE)
