"""``kilonova projects``: where keys, budgets and usage are kept apart inside an organisation."""

from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.schema import NewProject, ProjectQuery
from kilonova.cli.command import command, group
from kilonova.cli.limits import checked, describe_limits
from kilonova.cli.moments import when
from kilonova.cli.pages import every
from kilonova.cli.run import Run

__all__ = ["app"]

app = group("Make and list projects inside organisations.")


class OfOrganisation(Struct, frozen=True, kw_only=True):
    organisation: Annotated[
        str | None, typer.Option(help="Id or name.", show_default="default, or the only one")
    ] = None


class CreateOptions(OfOrganisation, frozen=True, kw_only=True):
    name: Annotated[str, typer.Argument(help="A name that its organisation has not used.")]


@command(app)
def create(run: Run, options: CreateOptions) -> None:
    """Make a project."""
    body = checked(NewProject(name=options.name, organisation=options.organisation))
    project = run.ask(lambda plane: plane.create_project(body), may_begin=True)
    if run.output.is_json:
        run.output.document(project)
    else:
        run.output.lines([project.id])


class ListOptions(Struct, frozen=True, kw_only=True):
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None


@command(app)
def list_(run: Run, options: ListOptions) -> None:
    """List projects."""
    query = ProjectQuery(organisation=options.organisation)
    found = run.ask(lambda plane: every(plane.list_projects, query))
    if run.output.is_json:
        run.output.document({"data": found})
        return
    rows = [
        (
            each.id,
            each.name,
            each.organisation_id,
            describe_limits(each.limits),
            when(each.created_at),
        )
        for each in found
    ]
    run.output.table(
        ("ID", "NAME", "ORGANISATION", "LIMITS", "CREATED"), rows, least=("CREATED", "LIMITS")
    )
