"""The entry point ``kilonova``."""

from typing import Annotated

import typer

from kilonova import __version__
from kilonova.cli.output import Output
from kilonova.cli.tree import Tree

__all__ = ["app", "main"]

app = typer.Typer(
    cls=Tree,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        Output().lines([f"kilonova {__version__}"])
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """A generative-AI cloud of your own. Start with: kilonova serve"""


def main() -> None:
    """Runs the command line and leaves with its exit code."""
    app(prog_name="kilonova")


if __name__ == "__main__":
    main()
