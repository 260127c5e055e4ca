"""What the admin API reads and writes, as JSON and on the command line.

Money is decimal text, time is RFC 3339 in UTC, ids carry their kind. Lists are pages: ``next`` is
the ``after`` of the page that follows, or null at the end.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

__all__ = [
    "PAGE_MAX",
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
GroupBy = Literal["model", "project", "key", "day"]

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Amount = Annotated[
    str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$", description="A decimal amount such as 12.50.")
]
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=PAGE_MAX)]


class _Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters. An unknown one is refused: a filter must never be dropped silently."""


class _Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body. An unknown field is refused by name."""


class LimitsView(_Body, frozen=True, kw_only=True):
    """Null means no limit. The budget is over the life of its owner."""

    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    budget: Amount | None = None


class LimitsChange(_Body, frozen=True, kw_only=True):
    """Fields that are left out stay as they are; null takes the limit away."""

    requests_per_minute: PerMinute | UnsetType | None = UNSET
    tokens_per_minute: PerMinute | UnsetType | None = UNSET
    budget: Amount | UnsetType | None = UNSET


class LevelView(Struct, frozen=True, kw_only=True):
    """A key, project or organisation with its limits and what was spent against its budget."""

    id: str
    limits: LimitsView
    spent: str


class PageQuery(_Query, frozen=True, kw_only=True):
    limit: PageSize = 100
    after: str | None = None


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
    """What is known of a key: the start of its bearer form, never the key itself."""

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


class KeyList(Struct, frozen=True, kw_only=True):
    data: tuple[KeyView, ...]
    next: str | None = None


class PriceView(Struct, frozen=True, kw_only=True):
    """Decimal amounts per million tokens."""

    currency: str
    input: str
    cache_read: str
    cache_write: str
    output: str
    version: str


class ModelView(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    provider: str
    description: str
    aliases: tuple[str, ...]
    abilities: tuple[str, ...]
    engine: str
    is_ready: bool
    context_tokens: int
    output_tokens_max: int
    price: PriceView
    licence: str


class ModelList(Struct, frozen=True, kw_only=True):
    data: tuple[ModelView, ...]
    next: str | None = None


class UsageQuery(_Query, frozen=True, kw_only=True):
    """``from`` is included, ``to`` is not; both are dates or RFC 3339 times, in UTC."""

    group_by: GroupBy = "model"
    organisation: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class UsageTotal(Struct, frozen=True, kw_only=True):
    """``shortfall`` is the price of work that nobody is charged for (after a crash)."""

    requests: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    price: str
    shortfall: str
    currency: str


class UsageRow(UsageTotal, frozen=True, kw_only=True):
    """``group`` is a model id, a project id, a key id or a day."""

    group: str


class UsageReport(Struct, frozen=True, kw_only=True):
    """Rows by group and currency; ``totals`` holds one line a currency."""

    group_by: GroupBy
    data: tuple[UsageRow, ...]
    totals: tuple[UsageTotal, ...]


class Verification(Struct, frozen=True, kw_only=True):
    """``checks`` are the invariants that were checked, ``problems`` where they are broken."""

    is_sound: bool
    checks: tuple[str, ...]
    problems: tuple[str, ...]


class RequestQuery(PageQuery, frozen=True, kw_only=True):
    """``from`` and ``to`` as in ``UsageQuery``; requests count by their end."""

    organisation: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class RequestView(Struct, frozen=True, kw_only=True):
    """One settled request. It has no place for the content of a prompt or an answer."""

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
