"""``kilonova ledger``: proves that the books are right, corrects them, and closes months."""

import typer

from kilonova.cli import adjust, close
from kilonova.cli.command import NoOptions, command, group
from kilonova.cli.exits import INTEGRITY
from kilonova.cli.run import Run

__all__ = ["app"]

app = group("Prove that the books are right, correct them, close months.")


@command(app)
def verify(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """Check every invariant of the ledger; exit code 8 when one is broken."""
    found = run.ask(lambda plane: plane.verify_ledger())
    if run.output.is_json:
        run.output.document(found)
    else:
        run.output.lines([f"OK    {check}" for check in found.checks])
        run.output.lines([f"FAIL  {problem}" for problem in found.problems])
    if not found.is_sound:
        raise typer.Exit(INTEGRITY)


adjust.add_to(app)
close.add_to(app)
