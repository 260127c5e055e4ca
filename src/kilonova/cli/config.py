"""``kilonova config``: the settings in force."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from kilonova.cli.command import command, group
from kilonova.cli.run import Run
from kilonova.offer import open_prices, plan_offer

__all__ = ["app"]

app = group("Show the settings in force.")

_SECRET_WORDS = ("key", "token", "secret", "password")
_REFERENCES = ("env:", "file:")


class ShowOptions(Struct, frozen=True, kw_only=True):
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The file to read.", show_default="kilonova.toml in the home"
        ),
    ] = None


@command(app)
def show(run: Run, options: ShowOptions) -> None:
    """Show every setting, from file, environment and defaults. Secrets are left out.

    Settings that ``serve`` would refuse are refused here with the same sentence."""
    # Here, because it takes longer to load than most commands take to run.
    from kilonova.app.preflight import check_settings

    settings = run.settings(options.config)
    check_settings(settings)
    open_prices(settings, plan_offer(settings).catalog, run.home.path)
    tree = _redact(msgspec.to_builtins(settings))
    if run.output.is_json:
        run.output.document(tree)
    else:
        run.output.lines(_flatten("", tree))


def _redact(tree: dict[str, Any]) -> dict[str, Any]:
    """A secret is a reference and harmless; one written out all the same is not repeated."""
    return {name: _redact_value(name, value) for name, value in tree.items()}


def _redact_value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _redact(value)
    # Where a secret is kept is none.
    is_path = name.endswith("_file")
    is_secret = not is_path and any(
        word == part for word in _SECRET_WORDS for part in name.lower().split("_")
    )
    if is_secret and value and isinstance(value, str) and not value.startswith(_REFERENCES):
        return "(hidden)"
    return value


def _flatten(prefix: str, tree: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines.extend(_flatten(f"{prefix}{name}.", value))
        else:
            lines.append(f"{prefix}{name} = {msgspec.json.encode(value).decode()}")
    return lines
