"""What the admin API reads and writes, as JSON and on the command line.

Money is decimal text, time is RFC 3339 in UTC, ids carry their kind. Lists are pages: ``next`` is
the ``after`` of the page that follows, or null at the end.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from kilonova.core.usage import CostBasis, Outcome

__all__ = [
    "PAGE_MAX",
    "AlertList",
    "AlertQuery",
    "AlertView",
    "BudgetView",
    "CostView",
    "CreatedKey",
    "Failure",
    "FailureBody",
    "GroupBy",
    "KeyKind",
    "KeyList",
    "KeyQuery",
    "KeyView",
    "LevelView",
    "LimitsChange",
    "LimitsView",
    "ModelList",
    "ModelView",
    "NewKey",
    "NewOrganisation",
    "NewProject",
    "OrganisationList",
    "OrganisationView",
    "PageQuery",
    "PartView",
    "PriceView",
    "ProjectList",
    "ProjectQuery",
    "ProjectView",
    "RequestList",
    "RequestQuery",
    "RequestView",
    "Status",
    "UsageQuery",
    "UsageReport",
    "UsageRow",
    "UsageTotal",
    "Verification",
]

PAGE_MAX = 1000

KeyKind = Literal["bearer", "aws", "both"]
GroupBy = Literal[
    "model",
    "project",
    "key",
    "member",
    "organisation",
    "engine",
    "resource",
    "dialect",
    "service_tier",
    "hour",
    "day",
    "month",
]

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Amount = Annotated[
    str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$", description="A decimal amount such as 12.50.")
]
# Refused by a sentence of its own where it cannot be read (``views.budget_nano``).
BudgetAmount = Annotated[
    str,
    Meta(
        max_length=100,
        description="A decimal amount such as 12.50.",
        extra_json_schema={"pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?$"},
    ),
]
Budgets = tuple[Literal["total", "day", "month"], ...]
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=PAGE_MAX)]


class _Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters. An unknown one is refused: a filter must never be dropped silently."""


class _Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body. An unknown field is refused by name."""


class LimitsView(_Body, frozen=True, kw_only=True):
    """Null means no limit. Budgets are over the life of their owner, a day and a month (UTC); those
    named in ``soft`` raise alerts and refuse nothing."""

    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    budget: BudgetAmount | None = None
    budget_day: BudgetAmount | None = None
    budget_month: BudgetAmount | None = None
    soft: Budgets = ()


class LimitsChange(_Body, frozen=True, kw_only=True):
    """Fields that are left out stay as they are; null takes the limit away."""

    requests_per_minute: PerMinute | UnsetType | None = UNSET
    tokens_per_minute: PerMinute | UnsetType | None = UNSET
    budget: BudgetAmount | UnsetType | None = UNSET
    budget_day: BudgetAmount | UnsetType | None = UNSET
    budget_month: BudgetAmount | UnsetType | None = UNSET
    soft: Budgets | UnsetType = UNSET


class BudgetView(Struct, frozen=True, kw_only=True):
    """What one window has seen. ``amount`` and ``left`` are null where there is no budget. ``held``
    is set aside for running requests; the budget is new at ``resets_at``, null for never."""

    window: Literal["total", "day", "month"]
    amount: str | None
    is_soft: bool
    spent: str
    held: str
    left: str | None
    resets_at: datetime | None


class LevelView(Struct, frozen=True, kw_only=True):
    """A key, project or organisation with its limits, and its spending in each window."""

    id: str
    limits: LimitsView
    spent: str
    budgets: tuple[BudgetView, ...]


class PageQuery(_Query, frozen=True, kw_only=True):
    limit: PageSize = 100
    after: str | None = None


class AlertQuery(PageQuery, frozen=True, kw_only=True):
    """``level`` is the id of a key, project or organisation."""

    organisation: str | None = None
    level: str | None = None


class AlertView(Struct, frozen=True, kw_only=True):
    """A budget reached a share of itself; ``percent`` 0: it refused a request before that.
    ``window`` is a day, a month, or empty for its life."""

    id: str
    organisation_id: str
    level_id: str
    budget: Literal["total", "day", "month"]
    window: str
    percent: int
    amount: str
    spent: str
    raised_at: datetime


class AlertList(Struct, frozen=True, kw_only=True):
    """In the order in which they were raised."""

    data: tuple[AlertView, ...]
    next: str | None = None


class NewOrganisation(_Body, frozen=True, kw_only=True):
    name: Name
    limits: LimitsView = LimitsView()


class OrganisationView(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    limits: LimitsView
    created_at: datetime


class OrganisationList(Struct, frozen=True, kw_only=True):
    data: tuple[OrganisationView, ...]
    next: str | None = None


class NewProject(_Body, frozen=True, kw_only=True):
    """``organisation`` is an id or a name; left out it is ``default``, or the only one."""

    name: Name
    organisation: str | None = None
    limits: LimitsView = LimitsView()


class ProjectQuery(PageQuery, frozen=True, kw_only=True):
    organisation: str | None = None


class ProjectView(Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    limits: LimitsView
    created_at: datetime


class ProjectList(Struct, frozen=True, kw_only=True):
    data: tuple[ProjectView, ...]
    next: str | None = None


class NewKey(_Body, frozen=True, kw_only=True):
    """``organisation`` and ``project`` are ids or names; ``default`` or the only ones if absent."""

    organisation: str | None = None
    project: str | None = None
    kind: KeyKind = "both"
    name: Annotated[str, Meta(max_length=100)] = ""
    limits: LimitsView = LimitsView()
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class CreatedKey(Struct, frozen=True, kw_only=True):
    """The only time that its secrets are shown; null where the key is not of that kind."""

    id: str
    organisation_id: str
    project_id: str
    name: str
    bearer_key: str | None
    access_key_id: str | None
    secret_access_key: str | None


class KeyQuery(PageQuery, frozen=True, kw_only=True):
    organisation: str | None = None
    project: str | None = None


class KeyView(Struct, frozen=True, kw_only=True):
    """What is known of a key: the start of its bearer form, never the key itself. ``made_by`` is a
    member's id; null is the operator."""

    id: str
    organisation_id: str
    project_id: str
    name: str
    bearer_hint: str | None
    access_key_id: str | None
    limits: LimitsView
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    made_by: str | None
    last_used_on: date | None = None


class KeyList(Struct, frozen=True, kw_only=True):
    data: tuple[KeyView, ...]
    next: str | None = None


class PriceView(Struct, frozen=True, kw_only=True):
    """Decimal amounts per million tokens. What is null has no rate of its own: long writes cost
    what writes cost, and reasoning what output costs."""

    currency: str
    input: str
    cache_read: str
    cache_write: str
    cache_write_long: str | None
    output: str
    reasoning: str | None
    version: str


class ModelView(Struct, frozen=True, kw_only=True):
    """``price`` is that of a short request now, at the default tier; null: not on sale.
    ``thinking_controls`` is what requests may say about the thoughts of a model that has some."""

    id: str
    name: str
    provider: str
    description: str
    aliases: tuple[str, ...]
    abilities: tuple[str, ...]
    thinking_controls: tuple[str, ...]
    engine: str
    is_ready: bool
    context_tokens: int
    output_tokens_max: int
    price: PriceView | None
    licence: str


class ModelList(Struct, frozen=True, kw_only=True):
    data: tuple[ModelView, ...]
    next: str | None = None


class UsageQuery(_Query, frozen=True, kw_only=True):
    """``from`` is included, ``to`` is not; both are dates or RFC 3339 times, in UTC. ``interval``
    tells each group's hours, days or months apart. ``model``, ``project``, ``key`` and ``member``
    are ids: only what is of all that are named counts. A member's are the requests of the keys that
    the member made, and the member's own in the console."""

    group_by: GroupBy = "model"
    interval: Literal["hour", "day", "month"] | None = None
    organisation: str | None = None
    model: str | None = None
    project: str | None = None
    key: str | None = None
    member: str | None = None
    dialect: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class UsageTotal(Struct, frozen=True, kw_only=True):
    """``list_price`` is before discounts; ``shortfall`` is the price of work that nobody is charged
    for (after a crash). ``cost`` is the direct one, without idle time, in ``cost_currency``: lines
    of different ones stand apart. A cost that is not known adds nothing. What answers took, from
    ``cost`` on, is null for members where callers are not told it (``server.tells_cost``)."""

    requests: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_long_tokens: int
    output_tokens: int
    reasoning_tokens: int
    price: str
    shortfall: str
    currency: str
    list_price: str
    cost: str | None
    cost_currency: str | None
    busy_s: str | None
    energy_wh: str | None
    co2_g: str | None


class UsageRow(UsageTotal, frozen=True, kw_only=True):
    """``group`` is an id or a name, an hour (``2026-11-23T08``), a day or a month, in UTC; empty
    for keys that the operator made, by members. ``time`` is the hour, day or month of the line,
    where ``interval`` tells them apart."""

    group: str
    time: str | None = None


class UsageReport(Struct, frozen=True, kw_only=True):
    """Rows by group and currency; ``totals`` holds one line a currency."""

    group_by: GroupBy
    interval: Literal["hour", "day", "month"] | None = None
    data: tuple[UsageRow, ...]
    totals: tuple[UsageTotal, ...]


class Verification(Struct, frozen=True, kw_only=True):
    """``checks`` are the invariants that were checked, ``problems`` where they are broken."""

    is_sound: bool
    checks: tuple[str, ...]
    problems: tuple[str, ...]


class RequestQuery(PageQuery, frozen=True, kw_only=True):
    """``from`` and ``to`` as in ``UsageQuery``; requests count by their end. ``model``, ``project``
    and ``key`` are ids. Those that took less than ``took_ms_min`` or cost less than ``price_min``
    are left out."""

    organisation: str | None = None
    model: str | None = None
    project: str | None = None
    key: str | None = None
    dialect: str | None = None
    outcome: Outcome | None = None
    took_ms_min: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    price_min: BudgetAmount | None = None
    order: Literal["oldest", "newest"] = "oldest"
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class CostView(Struct, frozen=True, kw_only=True):
    """What a request took: ``marginal`` is what would not have been spent without it, ``direct``
    adds its share of the machine's rate. ``basis`` says how its energy is known."""

    currency: str
    marginal: str
    direct: str
    resource: str
    basis: CostBasis
    busy_s: str
    energy_wh: str
    co2_g: str


class RequestView(Struct, frozen=True, kw_only=True):
    """One settled request. It has no place for the content of a prompt or an answer. ``cost`` is
    null where it is not known, or not told."""

    id: str
    organisation_id: str
    project_id: str
    key_id: str
    model_id: str
    dialect: str
    outcome: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    price: str
    currency: str
    price_version: str
    started_at: datetime
    finished_at: datetime
    first_token_ms: int | None
    cache_write_long_tokens: int
    engine: str
    service_tier: str
    cost: CostView | None


class RequestList(Struct, frozen=True, kw_only=True):
    """In the order in which they began."""

    data: tuple[RequestView, ...]
    next: str | None = None


class PartView(Struct, frozen=True, kw_only=True):
    name: str
    is_ready: bool
    detail: str


class Status(Struct, frozen=True, kw_only=True):
    version: str
    is_ready: bool
    started_at: datetime
    models: int
    requests_open: int
    parts: tuple[PartView, ...]


class FailureBody(Struct, frozen=True, kw_only=True):
    code: str
    message: str
    request_id: str
    param: str | None = None
    reason: str | None = None


class Failure(Struct, frozen=True, kw_only=True):
    """Every error of this API."""

    error: FailureBody
