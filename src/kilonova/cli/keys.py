"""``kilonova keys``: make, list and revoke what programs sign with."""

from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.schema import CreatedKey, KeyKind, KeyQuery, KeyView, LimitsView, NewKey
from kilonova.cli.command import command, group
from kilonova.cli.limits import BudgetOption, PerMinuteOption, checked, soft_windows
from kilonova.cli.moments import when
from kilonova.cli.pages import every
from kilonova.cli.run import Run

__all__ = ["app"]

app = group("Make, list and revoke the keys that programs sign with.")


class CreateOptions(Struct, frozen=True, kw_only=True):
    organisation: Annotated[
        str | None, typer.Option(help="Id or name.", show_default="default, or the only one")
    ] = None
    project: Annotated[
        str | None, typer.Option(help="Id or name.", show_default="default, or the only one")
    ] = None
    kind: Annotated[KeyKind, typer.Option(help="A bearer key, an access key pair, or both.")] = (
        "both"
    )
    name: Annotated[str, typer.Option(help="What it is for.")] = ""
    rpm: Annotated[PerMinuteOption, typer.Option(help="Requests per minute.")] = None
    tpm: Annotated[PerMinuteOption, typer.Option(help="Tokens per minute.")] = None
    budget: Annotated[BudgetOption, typer.Option(help="Money over the key's life.")] = None
    budget_day: Annotated[BudgetOption, typer.Option(help="Money a day (UTC).")] = None
    budget_month: Annotated[BudgetOption, typer.Option(help="Money a month (UTC).")] = None
    soft: Annotated[
        str, typer.Option(help="Budgets that only warn: some of total,day,month; or none.")
    ] = "none"


class CreatedView(Struct, frozen=True, kw_only=True):
    """What ``keys create --json`` writes. Scripts rely on these four fields."""

    id: str
    bearer_key: str | None
    access_key_id: str | None
    secret_access_key: str | None


@command(app)
def create(run: Run, options: CreateOptions) -> None:
    """Make a key. Its secrets are shown once, now."""
    limits = LimitsView(
        requests_per_minute=options.rpm,
        tokens_per_minute=options.tpm,
        budget=options.budget,
        budget_day=options.budget_day,
        budget_month=options.budget_month,
        soft=soft_windows(options.soft),
    )
    body = checked(
        NewKey(
            organisation=options.organisation,
            project=options.project,
            kind=options.kind,
            name=options.name,
            limits=limits,
        )
    )
    key = run.ask(lambda plane: plane.create_key(body), may_begin=True)
    view = CreatedView(
        id=key.id,
        bearer_key=key.bearer_key,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
    )
    if run.output.is_json:
        run.output.document(view)
    else:
        run.output.lines(_describe(key))
        run.output.note("Keep the secrets now: they are not shown again.")


def _describe(key: CreatedKey) -> list[str]:
    parts = {
        "id": key.id,
        "project": key.project_id,
        "bearer key": key.bearer_key,
        "access key id": key.access_key_id,
        "secret access key": key.secret_access_key,
    }
    return [f"{name:<18} {value}" for name, value in parts.items() if value is not None]


class ListOptions(Struct, frozen=True, kw_only=True):
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None
    project: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None


@command(app)
def list_(run: Run, options: ListOptions) -> None:
    """List keys, revoked ones included. Secrets are never shown."""
    query = KeyQuery(organisation=options.organisation, project=options.project)
    keys = run.ask(lambda plane: every(plane.list_keys, query))
    if run.output.is_json:
        run.output.document({"data": keys})
        return
    heads = ("ID", "NAME", "BEARER", "ACCESS KEY ID", "PROJECT", "CREATED", "STATE")
    run.output.table(
        heads, [_row(key) for key in keys], least=("PROJECT", "CREATED", "ACCESS KEY ID", "BEARER")
    )


def _row(key: KeyView) -> tuple[str, ...]:
    state = "active"
    if key.revoked_at is not None:
        state = f"revoked {when(key.revoked_at)}"
    elif key.expires_at is not None:
        state = f"until {when(key.expires_at)}"
    hint, access = key.bearer_hint or "-", key.access_key_id or "-"
    return (key.id, key.name or "-", hint, access, key.project_id, when(key.created_at), state)


class RevokeOptions(Struct, frozen=True, kw_only=True):
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id: key_…")]


@command(app)
def revoke(run: Run, options: RevokeOptions) -> None:
    """Revoke a key: it stops working at once, and for good."""
    key = run.ask(lambda plane: plane.revoke_key(options.key_id))
    if run.output.is_json:
        run.output.document(key)
    else:
        run.output.lines([f"{key.id} is revoked"])
