"""How a command is declared: a function of a ``Run`` and of one struct that holds its options.

    class ListOptions(Struct, frozen=True, kw_only=True):
        organisation: Annotated[str | None, typer.Option(help="…")] = None

    @command(group)
    def list_(run: Run, options: ListOptions) -> None:
        \"\"\"What it does.\"\"\"

The fields become Typer's parameters; ``--home``, ``--json`` and ``--debug`` are added to each.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from kilonova.cli.run import Run

__all__ = ["NoOptions", "command", "group", "verb"]

Options = TypeVar("Options", bound=Struct)


class NoOptions(Struct, frozen=True):
    """For a command without options of its own."""


class _Common(Struct, frozen=True, kw_only=True):
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="KILONOVA_HOME",
            show_envvar=True,
            help="The installation's folder.",
            show_default="$XDG_DATA_HOME/kilonova",
        ),
    ] = None
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False


class _CommonJson(_Common, frozen=True, kw_only=True):
    json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False
    wide: Annotated[
        bool, typer.Option("--wide", help="All columns, however narrow the terminal.")
    ] = False


def group(summary: str) -> typer.Typer:
    """A noun with verbs under it."""
    owner = verb()
    # With a callback, a group stays a group even when it has one command only.
    owner.callback(help=summary)(_nothing)
    return owner


def verb() -> typer.Typer:
    """A place for one command that needs no noun."""
    return typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
    )


def _nothing() -> None:
    """Groups have no options of their own."""


def command(
    owner: typer.Typer, *, name: str | None = None, has_json: bool = True
) -> Callable[[Callable[[Run, Options], None]], Callable[[Run, Options], None]]:
    """Adds the function to ``owner`` as a command, named like the function unless said."""
    common = _CommonJson if has_json else _Common

    def add(function: Callable[[Run, Options], None]) -> Callable[[Run, Options], None]:
        options_type: type[Options] = get_type_hints(function)["options"]

        def call(**values: Any) -> None:
            shared = {field.name: values.pop(field.name) for field in fields(common)}
            run = Run(
                home=shared["home"],
                is_json=shared.get("json", False),
                is_debug=shared["debug"],
                is_wide=shared.get("wide", False),
            )
            run.perform(lambda: function(run, options_type(**values)))

        call.__doc__ = function.__doc__
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*_parameters(options_type), *_parameters(common)]
        )
        call.__annotations__ = {**_hints(options_type), **_hints(common)}
        owner.command(name or function.__name__.rstrip("_").replace("_", "-"))(call)
        return function

    return add


def _hints(kind: type[Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _parameters(kind: type[Struct]) -> list[inspect.Parameter]:
    hints = _hints(kind)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is NODEFAULT else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
