"""``kilonova audit``: who did what to which, and the proof that the log is whole."""

from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.audit import AuditList, AuditProof, AuditQuery, AuditView
from kilonova.cli.command import command, verb
from kilonova.cli.exits import INTEGRITY
from kilonova.cli.limits import checked
from kilonova.cli.moments import when
from kilonova.cli.run import Run

__all__ = ["app"]

app = verb()


class AuditOptions(Struct, frozen=True, kw_only=True):
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None
    actor: Annotated[
        str | None, typer.Option(help="Only by this one: an id, an e-mail, operator or system.")
    ] = None
    action: Annotated[
        str | None, typer.Option(help="Only this action (key.revoked), or all of a kind (key).")
    ] = None
    from_: Annotated[
        str | None, typer.Option("--from", help="Only from this date or time on (UTC).")
    ] = None
    to: Annotated[str | None, typer.Option(help="Only before this date or time (UTC).")] = None
    before: Annotated[int | None, typer.Option(help="Only entries before this number.")] = None
    limit: Annotated[int, typer.Option(help="At most so many, from 1 to 1000.")] = 100
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that no entry was changed or taken out.")
    ] = False


@command(app)
def audit(run: Run, options: AuditOptions) -> None:
    """Show who did what to which, the latest first; exit code 8 when the log was changed."""
    if options.verify:
        _write_proof(run, run.ask(lambda plane: plane.verify_audit()))
        return
    query = checked(
        AuditQuery(
            organisation=options.organisation,
            before=options.before,
            limit=options.limit,
            actor=options.actor,
            action=options.action,
            from_=options.from_,
            to=options.to,
        )
    )
    found = run.ask(lambda plane: plane.audit(query))
    _write(run, found)
    sought = [name for name in ("actor", "action") if getattr(options, name) is not None]
    if sought and not found.data and not run.output.is_json:
        named = ", ".join(f"{name} {getattr(options, name)!r}" for name in sought)
        run.output.note(f"No entry of {named}. One that is mistyped looks like this, too.")


def _write_proof(run: Run, proof: AuditProof) -> None:
    if run.output.is_json:
        run.output.document(proof)
    else:
        run.output.lines([f"FAIL  {problem}" for problem in proof.problems])
    if not proof.is_sound:
        raise typer.Exit(INTEGRITY)
    if not run.output.is_json:
        run.output.lines([f"OK    {proof.entries} entries; the last digest is {proof.digest}"])


def _write(run: Run, found: AuditList) -> None:
    if run.output.is_json:
        run.output.document(found)
        return
    heads = ("NUMBER", "AT", "BY", "ACTION", "OF", "DETAIL")
    run.output.table(heads, [_row(entry) for entry in found.data])


def _row(entry: AuditView) -> tuple[str, ...]:
    what = ", ".join(f"{name}: {_told(value)}" for name, value in entry.detail.items())
    return (
        str(entry.number),
        when(entry.at),
        entry.actor_name or entry.actor,
        entry.action,
        entry.subject_name or entry.subject,
        what or "-",
    )


def _told(value: object) -> str:
    if isinstance(value, list) and len(value) == 2:
        was, now = ("-" if each is None else str(each) for each in value)
        return f"{was} → {now}"
    return str(value)
