"""``kilonova limits``: how much a key, project or organisation may use and spend."""

from typing import Annotated, TypeVar

import msgspec
import typer
from msgspec import UNSET, Struct, UnsetType

from kilonova.admin.schema import LevelView, LimitsChange, LimitsView
from kilonova.cli.command import command, group
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.run import Run

__all__ = ["BudgetOption", "PerMinuteOption", "app", "checked", "describe_limits"]

PerMinuteOption = int | None
BudgetOption = str | None

Body = TypeVar("Body", bound=Struct)

app = group("Show and set the limits of keys, projects and organisations.")


def checked(body: Body) -> Body:
    """The body, if the admin API would take it: structs check their fields when decoded only."""
    try:
        return msgspec.convert(msgspec.to_builtins(body), type(body))
    except msgspec.ValidationError as error:
        raise CommandError(str(error), code=USAGE) from None


def describe_limits(limits: LimitsView) -> str:
    """``60 requests/min, budget 5.00``; a dash where there is no limit."""
    parts = []
    if limits.requests_per_minute is not None:
        parts.append(f"{limits.requests_per_minute} requests/min")
    if limits.tokens_per_minute is not None:
        parts.append(f"{limits.tokens_per_minute} tokens/min")
    if limits.budget is not None:
        parts.append(f"budget {limits.budget}")
    return ", ".join(parts) or "-"


class LevelOptions(Struct, frozen=True, kw_only=True):
    level_id: Annotated[
        str, typer.Argument(metavar="LEVEL_ID", help="An id: key_…, proj_… or org_…")
    ]


class SetOptions(LevelOptions, frozen=True, kw_only=True):
    rpm: Annotated[str | None, typer.Option(help="Requests per minute, or none.")] = None
    tpm: Annotated[str | None, typer.Option(help="Tokens per minute, or none.")] = None
    budget: Annotated[str | None, typer.Option(help="Money over its life, or none.")] = None


@command(app)
def show(run: Run, options: LevelOptions) -> None:
    """Show limits and what was spent."""
    _write(run, run.ask(lambda plane: plane.limits(options.level_id)))


@command(app)
def set_(run: Run, options: SetOptions) -> None:
    """Change limits, at once. Those that are not named stay."""
    if options.rpm is None and options.tpm is None and options.budget is None:
        raise CommandError("Name at least one of --rpm, --tpm and --budget.", code=USAGE)
    change = checked(
        LimitsChange(
            requests_per_minute=_count("--rpm", options.rpm),
            tokens_per_minute=_count("--tpm", options.tpm),
            budget=_change(options.budget),
        )
    )
    _write(run, run.ask(lambda plane: plane.set_limits(options.level_id, change)))


def _change(text: str | None) -> str | UnsetType | None:
    """The word none takes a limit away; leaving the option out leaves the limit."""
    if text is None:
        return UNSET
    return None if text == "none" else text


def _count(option: str, text: str | None) -> int | UnsetType | None:
    change = _change(text)
    if not isinstance(change, str):
        return change
    if not change.isdecimal():
        raise CommandError(f"{option}: {change!r} is neither a number nor none.", code=USAGE)
    return int(change)


def _write(run: Run, level: LevelView) -> None:
    if run.output.is_json:
        run.output.document(level)
        return
    row = (level.id, describe_limits(level.limits), level.spent)
    run.output.table(("ID", "LIMITS", "SPENT"), [row])
