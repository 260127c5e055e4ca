"""From the platform's values to what the admin API shows, and back for limits. Pure."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import UNSET, UnsetType, structs

from kilonova.admin.schema import (
    AlertView,
    BudgetView,
    CostView,
    KeyView,
    LimitsChange,
    LimitsView,
    ModelView,
    OrganisationView,
    PriceView,
    ProjectView,
    RequestView,
    UsageRow,
    UsageTotal,
)
from kilonova.core.books import DAY_MS, UsageSum
from kilonova.core.budgets import Alert, BudgetStanding
from kilonova.core.errors import InvalidRequest
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.model import Model, Price
from kilonova.core.money import divide_half_even, format_nano, parse_nano
from kilonova.core.usage import Cost, UsageRecord

__all__ = [
    "budget_nano",
    "changed_limits",
    "decimal_text",
    "grams",
    "limits_of",
    "milliseconds",
    "moment",
    "show_alert",
    "show_budget",
    "show_key",
    "show_limits",
    "show_model",
    "show_organisation",
    "show_price",
    "show_project",
    "show_request",
    "show_row",
    "show_total",
    "watt_hours",
]

_UJ_PER_MICRO_WH = 3_600


def moment(time_ms: int) -> datetime:
    """Milliseconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def milliseconds(time: datetime) -> int:
    """A time with a zone as milliseconds since the epoch."""
    return round(time.timestamp() * 1000)


def decimal_text(number: int, places: int) -> str:
    """12345 with two places → ``123.45``."""
    return f"{Decimal(number).scaleb(-places):.{places}f}"


def watt_hours(energy_uj: int) -> str:
    """Microjoules as watt-hours with six decimals, half to even."""
    return decimal_text(divide_half_even(energy_uj, _UJ_PER_MICRO_WH), 6)


def grams(mass_ug: int) -> str:
    """Micrograms as grams with six decimals."""
    return decimal_text(mass_ug, 6)


def show_limits(limits: Limits) -> LimitsView:
    """Limits with the budget as decimal text."""
    return LimitsView(
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
        budget=_amount(limits.budget_nano),
        budget_day=_amount(limits.budget_day_nano),
        budget_month=_amount(limits.budget_month_nano),
        soft=limits.soft_budgets,
    )


def _amount(nano: int | None) -> str | None:
    return None if nano is None else format_nano(nano)


def show_budget(standing: BudgetStanding) -> BudgetView:
    """A budget as the API shows it."""
    resets_ms = standing.resets_ms
    return BudgetView(
        window=standing.window,
        amount=_amount(standing.budget_nano),
        is_soft=standing.is_soft,
        spent=format_nano(standing.spent_nano),
        held=format_nano(standing.held_nano),
        left=_amount(standing.left_nano),
        resets_at=None if resets_ms is None else moment(resets_ms),
    )


def show_alert(alert: Alert, organisation_id: str) -> AlertView:
    """An alert as the API shows it."""
    return AlertView(
        id=alert.id,
        organisation_id=organisation_id,
        level_id=alert.level_id,
        budget=alert.budget,
        window=alert.window,
        percent=alert.percent,
        amount=format_nano(alert.budget_nano),
        spent=format_nano(alert.spent_nano),
        raised_at=moment(alert.raised_ms),
    )


def limits_of(view: LimitsView) -> Limits:
    """The reverse of ``show_limits``."""
    return Limits(
        requests_per_minute=view.requests_per_minute,
        tokens_per_minute=view.tokens_per_minute,
        budget_nano=budget_nano(view.budget, param="budget"),
        budget_day_nano=budget_nano(view.budget_day, param="budget_day"),
        budget_month_nano=budget_nano(view.budget_month, param="budget_month"),
        soft_budgets=view.soft,
    )


def budget_nano(text: str | None, *, param: str) -> int | None:
    """Raises InvalidRequest, with the field and what is wrong with it."""
    if text is None:
        return None
    if _AMOUNT.fullmatch(text):
        return parse_nano(text)
    problem, reason = "is no decimal amount such as 12.50", "invalid_amount"
    if text.startswith("-"):
        problem, reason = "is below zero", "negative_amount"
    elif _TOO_FINE.fullmatch(text):
        problem, reason = "is finer than a nano-unit (9 decimals)", "too_fine"
    elif text.partition(".")[0].isdecimal():
        problem, reason = "is more than 999999999.999999999", "too_much"
    raise InvalidRequest(f"{param}: {text[:40]!r} {problem}.", param=param, reason=reason)


_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_TOO_FINE = re.compile(r"[0-9]{1,9}\.[0-9]{10,}")


def changed_limits(limits: Limits, change: LimitsChange) -> Limits:
    """What is not named in the change stays."""
    return Limits(
        requests_per_minute=_chosen(change.requests_per_minute, limits.requests_per_minute),
        tokens_per_minute=_chosen(change.tokens_per_minute, limits.tokens_per_minute),
        budget_nano=_chosen_budget(change.budget, limits.budget_nano, param="budget"),
        budget_day_nano=_chosen_budget(
            change.budget_day, limits.budget_day_nano, param="budget_day"
        ),
        budget_month_nano=_chosen_budget(
            change.budget_month, limits.budget_month_nano, param="budget_month"
        ),
        soft_budgets=limits.soft_budgets if change.soft is UNSET else change.soft,
    )


def _chosen(change: int | UnsetType | None, old: int | None) -> int | None:
    return old if change is UNSET else change


def _chosen_budget(change: str | UnsetType | None, old: int | None, *, param: str) -> int | None:
    return old if change is UNSET else budget_nano(change, param=param)


def show_organisation(organisation: Organisation) -> OrganisationView:
    """An organisation as the API shows it."""
    return OrganisationView(
        id=organisation.id,
        name=organisation.name,
        limits=show_limits(organisation.limits),
        created_at=moment(organisation.created_ms),
    )


def show_project(project: Project) -> ProjectView:
    """A project as the API shows it."""
    return ProjectView(
        id=project.id,
        organisation_id=project.organisation_id,
        name=project.name,
        limits=show_limits(project.limits),
        created_at=moment(project.created_ms),
    )


def show_key(key: Key, *, last_day: int | None = None) -> KeyView:
    """A key without anything that could be used as one. ``last_day`` counts from the epoch."""
    return KeyView(
        id=key.id,
        organisation_id=key.organisation_id,
        project_id=key.project_id,
        name=key.name,
        bearer_hint=key.bearer_hint,
        access_key_id=key.access_key_id,
        limits=show_limits(key.limits),
        created_at=moment(key.created_ms),
        expires_at=None if key.expires_ms is None else moment(key.expires_ms),
        revoked_at=None if key.revoked_ms is None else moment(key.revoked_ms),
        made_by=key.made_by,
        last_used_on=None if last_day is None else moment(last_day * DAY_MS).date(),
    )


def show_price(price: Price) -> PriceView:
    """Rates as decimal text, where they were given."""
    long, reasoning = price.cache_write_long, price.reasoning
    return PriceView(
        currency=price.currency,
        input=format_nano(price.input),
        cache_read=format_nano(price.cache_read),
        cache_write=format_nano(price.cache_write),
        cache_write_long=None if long is None else format_nano(long),
        output=format_nano(price.output),
        reasoning=None if reasoning is None else format_nano(reasoning),
        version=price.version,
    )


def show_model(model: Model, price: Price | None, *, is_ready: bool) -> ModelView:
    """A model and its price of now; without one it is not on sale."""
    return ModelView(
        id=model.id,
        name=model.name,
        provider=model.provider,
        description=model.description,
        aliases=model.aliases,
        abilities=model.abilities,
        thinking_controls=model.thinking_controls if model.can("reasoning") else (),
        engine=model.engine,
        is_ready=is_ready,
        context_tokens=model.context_tokens,
        output_tokens_max=model.output_tokens_max,
        price=None if price is None else show_price(price),
        licence=model.licence,
    )


def show_request(record: UsageRecord) -> RequestView:
    """A usage record as the API shows it."""
    usage = record.usage
    return RequestView(
        id=record.request_id,
        organisation_id=record.organisation_id,
        project_id=record.project_id,
        key_id=record.key_id,
        model_id=record.model_id,
        dialect=record.dialect,
        outcome=record.outcome,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        price=format_nano(record.price_nano),
        currency=record.currency,
        price_version=record.price_version,
        started_at=moment(record.started_ms),
        finished_at=moment(record.finished_ms),
        first_token_ms=record.first_token_ms,
        cache_write_long_tokens=usage.cache_write_long_tokens,
        engine=record.engine,
        service_tier=record.service_tier,
        cost=_show_cost(record.cost),
    )


def _show_cost(cost: Cost) -> CostView | None:
    if not cost.basis:
        return None
    return CostView(
        currency=cost.currency,
        marginal=format_nano(cost.marginal_nano),
        direct=format_nano(cost.direct_nano),
        resource=cost.resource,
        basis=cost.basis,
        busy_s=format_nano(cost.busy_ns),
        energy_wh=watt_hours(cost.energy_uj),
        co2_g=grams(cost.co2_ug),
    )


def show_total(line: UsageSum) -> UsageTotal:
    """All that a report counts in one currency: amounts of different ones never meet."""
    usage = line.usage
    return UsageTotal(
        requests=line.requests,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_long_tokens=usage.cache_write_long_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        price=format_nano(line.price_nano),
        shortfall=format_nano(line.shortfall_nano),
        currency=line.currency,
        list_price=format_nano(line.list_nano),
        cost=format_nano(line.direct_nano),
        cost_currency=line.cost_currency,
        busy_s=format_nano(line.busy_ns),
        energy_wh=watt_hours(line.energy_uj),
        co2_g=grams(line.co2_ug),
    )


def show_row(line: UsageSum) -> UsageRow:
    """One line of a report by its group, and by its time where there is one."""
    group, *times = line.group
    return UsageRow(group=group, time=next(iter(times), None), **structs.asdict(show_total(line)))
