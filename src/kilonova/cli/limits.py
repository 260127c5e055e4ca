"""``kilonova limits``: how much a key, project or organisation may use and spend."""

from typing import Annotated, TypeVar

import msgspec
import typer
from msgspec import UNSET, Struct, UnsetType

from kilonova.admin.complaints import explain
from kilonova.admin.schema import (
    AlertQuery,
    AlertView,
    BudgetView,
    LevelView,
    LimitsChange,
    LimitsView,
)
from kilonova.cli.command import command, group
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.moments import when
from kilonova.cli.pages import every
from kilonova.cli.run import Run
from kilonova.core.budgets import BUDGET_WINDOWS
from kilonova.core.identity import BudgetWindow

__all__ = [
    "BudgetOption", "PerMinuteOption", "app", "checked", "describe_limits", "soft_windows",
]  # fmt: skip

PerMinuteOption = int | None
BudgetOption = str | None

Body = TypeVar("Body", bound=Struct)

app = group("Show and set the limits of keys, projects and organisations.")


def checked(body: Body) -> Body:
    """The body, if the admin API would take it: structs check their fields when decoded only."""
    try:
        return msgspec.convert(msgspec.to_builtins(body), type(body))
    except msgspec.ValidationError as error:
        raise CommandError(f"{explain(error, type(body))}.", code=USAGE) from None


def describe_limits(limits: LimitsView) -> str:
    """``60 requests/min, budget 5.00``; a dash where there is no limit."""
    parts = []
    if limits.requests_per_minute is not None:
        parts.append(f"{limits.requests_per_minute} requests/min")
    if limits.tokens_per_minute is not None:
        parts.append(f"{limits.tokens_per_minute} tokens/min")
    for window, amount in (
        ("total", limits.budget),
        ("day", limits.budget_day),
        ("month", limits.budget_month),
    ):
        if amount is not None:
            name = "budget" if window == "total" else f"budget a {window}"
            parts.append(f"{name} {amount}{' (soft)' if window in limits.soft else ''}")
    return ", ".join(parts) or "-"


class LevelOptions(Struct, frozen=True, kw_only=True):
    level: Annotated[
        str, typer.Argument(metavar="LEVEL", help="A key, project or organisation: id or name.")
    ]


class SetOptions(LevelOptions, frozen=True, kw_only=True):
    rpm: Annotated[str | None, typer.Option(help="Requests per minute, or none.")] = None
    tpm: Annotated[str | None, typer.Option(help="Tokens per minute, or none.")] = None
    budget: Annotated[str | None, typer.Option(help="Money over its life, or none.")] = None
    budget_day: Annotated[str | None, typer.Option(help="Money a day (UTC), or none.")] = None
    budget_month: Annotated[str | None, typer.Option(help="Money a month (UTC), or none.")] = None
    soft: Annotated[
        str | None,
        typer.Option(help="Budgets that only warn: some of total,day,month; or none."),
    ] = None


@command(app)
def show(run: Run, options: LevelOptions) -> None:
    """Show limits, and what is spent, held and left of each budget."""
    _write(run, run.ask(lambda plane: plane.limits(options.level)))


@command(app)
def set_(run: Run, options: SetOptions) -> None:
    """Change limits, at once. Those that are not named stay."""
    named = (options.rpm, options.tpm, options.budget, options.budget_day, options.budget_month)
    if (*named, options.soft) == (None,) * 6:
        raise CommandError(
            "Name at least one of --rpm, --tpm, --budget, --budget-day, --budget-month and --soft.",
            code=USAGE,
        )
    change = checked(
        LimitsChange(
            requests_per_minute=_count("--rpm", options.rpm),
            tokens_per_minute=_count("--tpm", options.tpm),
            budget=_change(options.budget),
            budget_day=_change(options.budget_day),
            budget_month=_change(options.budget_month),
            soft=UNSET if options.soft is None else soft_windows(options.soft),
        )
    )
    _write(run, run.ask(lambda plane: plane.set_limits(options.level, change)))


class AlertsOptions(Struct, frozen=True, kw_only=True):
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None
    level: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None


@command(app)
def alerts(run: Run, options: AlertsOptions) -> None:
    """List the budgets that reached 50, 80 or 100 percent, or refused, oldest first."""
    query = AlertQuery(organisation=options.organisation, level=options.level)
    found = run.ask(lambda plane: every(plane.list_alerts, query))
    if run.output.is_json:
        run.output.document({"data": found})
        return
    heads = ("RAISED", "ID", "BUDGET", "WINDOW", "REACHED", "SPENT", "AMOUNT")
    run.output.table(heads, [_alert_row(alert) for alert in found], least=("WINDOW", "AMOUNT"))


def _alert_row(alert: AlertView) -> tuple[str, ...]:
    reached = f"{alert.percent} %" if alert.percent else "refused"
    facts = (alert.budget, alert.window or "-", reached, alert.spent, alert.amount)
    return (when(alert.raised_at), alert.level_id, *facts)


def soft_windows(text: str) -> tuple[BudgetWindow, ...]:
    """``day,month`` as windows; ``none`` is none of them."""
    words = [] if text == "none" else [word.strip() for word in text.split(",")]
    unknown = [word for word in words if word not in BUDGET_WINDOWS]
    if unknown:
        raise CommandError(
            f"--soft: {unknown[0]!r} is neither total, day, month nor none.", code=USAGE
        )
    return tuple(window for window in BUDGET_WINDOWS if window in words)


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
    heads = ("WINDOW", "BUDGET", "SPENT", "HELD", "LEFT", "NEW AT")
    run.output.lines([""])
    run.output.table(heads, [_budget_row(budget) for budget in level.budgets])


def _budget_row(budget: BudgetView) -> tuple[str, ...]:
    amount = "-" if budget.amount is None else budget.amount + (" soft" if budget.is_soft else "")
    new_at = "never" if budget.resets_at is None else when(budget.resets_at)
    return (budget.window, amount, budget.spent, budget.held, budget.left or "-", new_at)
