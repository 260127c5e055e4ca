"""From the platform's values to what the admin API shows, and back for limits. Pure."""

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType, structs

from kilonova.admin.schema import (
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
from kilonova.core.books import UsageSum
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.model import Model
from kilonova.core.money import format_nano, parse_nano
from kilonova.core.usage import UsageRecord

__all__ = [
    "changed_limits",
    "limits_of",
    "milliseconds",
    "moment",
    "show_key",
    "show_limits",
    "show_model",
    "show_organisation",
    "show_project",
    "show_request",
    "show_row",
    "show_total",
]


def moment(time_ms: int) -> datetime:
    """Milliseconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def milliseconds(time: datetime) -> int:
    """A time with a zone as milliseconds since the epoch."""
    return round(time.timestamp() * 1000)


def show_limits(limits: Limits) -> LimitsView:
    """Limits with the budget as decimal text."""
    return LimitsView(
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
        budget=None if limits.budget_nano is None else format_nano(limits.budget_nano),
    )


def limits_of(view: LimitsView) -> Limits:
    """The reverse of ``show_limits``."""
    return Limits(
        requests_per_minute=view.requests_per_minute,
        tokens_per_minute=view.tokens_per_minute,
        budget_nano=None if view.budget is None else parse_nano(view.budget),
    )


def changed_limits(limits: Limits, change: LimitsChange) -> Limits:
    """What is not named in the change stays."""
    return Limits(
        requests_per_minute=_chosen(change.requests_per_minute, limits.requests_per_minute),
        tokens_per_minute=_chosen(change.tokens_per_minute, limits.tokens_per_minute),
        budget_nano=_chosen_budget(change.budget, limits.budget_nano),
    )


def _chosen(change: int | UnsetType | None, old: int | None) -> int | None:
    return old if change is UNSET else change


def _chosen_budget(change: str | UnsetType | None, old: int | None) -> int | None:
    if change is UNSET:
        return old
    return None if change is None else parse_nano(change)


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


def show_key(key: Key) -> KeyView:
    """A key without anything that could be used as one."""
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
    )


def show_model(model: Model, *, is_ready: bool) -> ModelView:
    """A model with its price as decimal text."""
    price = model.price
    return ModelView(
        id=model.id,
        name=model.name,
        provider=model.provider,
        description=model.description,
        aliases=model.aliases,
        abilities=model.abilities,
        engine=model.engine,
        is_ready=is_ready,
        context_tokens=model.context_tokens,
        output_tokens_max=model.output_tokens_max,
        price=PriceView(
            currency=price.currency,
            input=format_nano(price.input),
            cache_read=format_nano(price.cache_read),
            cache_write=format_nano(price.cache_write),
            output=format_nano(price.output),
            version=price.version,
        ),
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
    )


def show_total(line: UsageSum) -> UsageTotal:
    """All that a report counts in one currency: amounts of different ones never meet."""
    usage = line.usage
    return UsageTotal(
        requests=line.requests,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        price=format_nano(line.price_nano),
        shortfall=format_nano(line.shortfall_nano),
        currency=line.currency,
    )


def show_row(line: UsageSum) -> UsageRow:
    """One line of a report that has one grouping."""
    return UsageRow(group=line.group[0], **structs.asdict(show_total(line)))
