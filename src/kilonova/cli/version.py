"""``kilonova version``."""

import platform

from kilonova import __version__
from kilonova.cli.command import NoOptions, command, verb
from kilonova.cli.run import Run

__all__ = ["app"]

app = verb()


@command(app)
def version(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """Show the version."""
    if run.output.is_json:
        run.output.document({"version": __version__, "python": platform.python_version()})
    else:
        run.output.lines([__version__])
