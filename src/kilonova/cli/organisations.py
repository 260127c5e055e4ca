"""``kilonova organisations``: the customers of this installation."""

from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.schema import NewOrganisation, PageQuery
from kilonova.cli.command import NoOptions, command, group
from kilonova.cli.limits import checked, describe_limits
from kilonova.cli.moments import when
from kilonova.cli.pages import every
from kilonova.cli.run import Run

__all__ = ["app"]

app = group("Make and list organisations: customers that pay.")


class CreateOptions(Struct, frozen=True, kw_only=True):
    name: Annotated[str, typer.Argument(help="A name that no other organisation has.")]


@command(app)
def create(run: Run, options: CreateOptions) -> None:
    """Make an organisation."""
    body = checked(NewOrganisation(name=options.name))
    organisation = run.ask(lambda plane: plane.create_organisation(body), may_begin=True)
    if run.output.is_json:
        run.output.document(organisation)
    else:
        run.output.lines([organisation.id])


@command(app)
def list_(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """List organisations."""
    found = run.ask(lambda plane: every(plane.list_organisations, PageQuery()))
    if run.output.is_json:
        run.output.document({"data": found})
        return
    rows = [
        (each.id, each.name, describe_limits(each.limits), when(each.created_at)) for each in found
    ]
    run.output.table(("ID", "NAME", "LIMITS", "CREATED"), rows, least=("CREATED", "LIMITS"))
