"""Every statement of the store, written with SQLAlchemy Core and compiled ahead of time.

Run ``python -m kilonova.stores.sql.statements`` after a change: it writes ``compiled.py``, and a
test fails while the two differ. A server loads only the text: SQLAlchemy costs 28 MB and 0.3 s.
Parameters are named; where a tuple is bound, its order is the order of their first appearance.
"""

from pathlib import Path
from textwrap import fill

from sqlalchemy import (
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement, ColumnElement
from sqlalchemy.sql.selectable import Select

from kilonova.core.tally import MEASURES
from kilonova.stores.sql.tables import (
    adjustments,
    alerts,
    audit,
    balances,
    closings,
    entries,
    holds,
    invitations,
    invoices,
    items,
    kept,
    keys,
    member_keys,
    members,
    notes,
    organisations,
    projects,
    sessions,
    spending,
    spending_days,
    usage_facets,
    usage_hours,
    usage_records,
)

__all__ = ["STATEMENTS", "module_text"]

# Constants are written into the text: a compiled statement has no values of its own.
_DAY_MS: ColumnElement[int] = literal_column("86400000", Integer)
_ZERO: ColumnElement[int] = literal_column("0", Integer)
_ONE: ColumnElement[int] = literal_column("1", Integer)
_NOTHING: ColumnElement[str] = literal_column("''", Text)
_DELIVERED = (
    "delivered_input",
    "delivered_cache_read",
    "delivered_cache_write",
    "delivered_output",
    "delivered_reasoning",
    "delivered_cache_write_long",
)


def _save(table: Table) -> ClauseElement:
    """Insert, or replace the row with the same primary key."""
    statement = sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=others)


def _tell() -> ClauseElement:
    """Insert an alert; one of another amount makes room."""
    statement = sqlite.insert(alerts)
    key = [column.name for column in alerts.primary_key]
    others = {c.name: statement.excluded[c.name] for c in alerts.columns if c.name not in key}
    is_other = alerts.c.budget_nano != statement.excluded.budget_nano
    return statement.on_conflict_do_update(index_elements=key, set_=others, where=is_other)


def _add(table: Table, *amounts: str) -> ClauseElement:
    """Insert amounts, or add them to those that are there."""
    statement = sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    totals = {amount: table.c[amount] + statement.excluded[amount] for amount in amounts}
    return statement.on_conflict_do_update(index_elements=key, set_=totals)


def _keep(table: Table) -> ClauseElement:
    """Insert, unless there is a row with this primary key."""
    return sqlite.insert(table).on_conflict_do_nothing()


def _records() -> Select[tuple[object, ...]]:
    """Whole rows, in the order of their columns, which a test compares with the file's."""
    return select(literal_column("*")).select_from(usage_records)


def _where(table: Table, column: str) -> Select[tuple[object, ...]]:
    matching = table.c[column] == bindparam(column, type_=Text)
    return select(table).where(matching).order_by(*table.primary_key)


def _flag(grouping: str) -> ColumnElement[bool]:
    flag: ColumnElement[int] = bindparam(f"by_{grouping}", type_=Integer)
    return flag == _ONE


def _in_time() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    ended = usage_records.c.finished_ms
    since, until = bindparam("since_ms", type_=Integer), bindparam("until_ms", type_=Integer)
    return ended >= since, ended < until


def _of_organisation() -> ColumnElement[bool]:
    return usage_records.c.organisation_id == bindparam("organisation_id", type_=Text)


def _ended(*conditions: ColumnElement[bool]) -> ClauseElement:
    return _records().where(*conditions).order_by(usage_records.c.request_id)


def _part() -> ColumnElement[int]:
    """So many hours together: a day has 24."""
    together: ColumnElement[int] = bindparam("together", type_=Integer)
    return (usage_hours.c.hour // together).label("part")


def _of_hours() -> tuple[ColumnElement[bool], ...]:
    """Some hours, of everybody or of one organisation."""
    first, end = bindparam("first", type_=Integer), bindparam("end", type_=Integer)
    organisation: ColumnElement[str] = bindparam("organisation_id", type_=Text)
    theirs = select(usage_facets.c.id).where(usage_facets.c.organisation_id == organisation)
    is_theirs = organisation.is_(None) | usage_hours.c.facet_id.in_(theirs)
    return usage_hours.c.hour >= first, usage_hours.c.hour < end, is_theirs


def _sums() -> list[ColumnElement[int]]:
    return [func.sum(usage_hours.c[name]) for name in MEASURES]


def _by_facet() -> ClauseElement:
    """Sums of several hours together, by the facet."""
    apart = _part(), usage_hours.c.facet_id
    return select(*apart, *_sums()).where(*_of_hours()).group_by(*apart)


def _by_time() -> ClauseElement:
    """The same by the currencies alone: an hour has many facets, and few of these."""
    apart = _part(), usage_facets.c.currency, usage_facets.c.cost_currency
    joined = usage_hours.join(usage_facets, usage_facets.c.id == usage_hours.c.facet_id)
    return select(*apart, *_sums()).select_from(joined).where(*_of_hours()).group_by(*apart)


def _page(*conditions: ColumnElement[bool], is_newest_first: bool = False) -> ClauseElement:
    request_id, after = usage_records.c.request_id, bindparam("after", type_=Text)
    behind = request_id < after if is_newest_first else request_id > after
    order = request_id.desc() if is_newest_first else request_id
    took_ms = usage_records.c.finished_ms - usage_records.c.started_ms
    least = (
        _at_least("took_ms_min", took_ms),
        _at_least("price_nano_min", usage_records.c.price_nano),
    )
    sought = *conditions, *map(_matched, _SOUGHT), *least
    page = _records().where(behind, *sought).order_by(order)
    return page.limit(bindparam("limit", type_=Integer)).offset(_ZERO)


# What single records are sought by: ``core.books.RecordMatch``.
_SOUGHT = ("model_id", "project_id", "key_id", "dialect", "outcome")


def _matched(name: str) -> ColumnElement[bool]:
    """A column has the value that is sought, where one is."""
    sought = bindparam(name, type_=Text)
    return or_(sought.is_(None), usage_records.c[name] == sought)


def _at_least(name: str, amount: ColumnElement[int]) -> ColumnElement[bool]:
    least = bindparam(name, type_=Integer)
    return or_(least.is_(None), amount >= least)


# Everything that decides what a request is charged, and in which unit it is.
_PRICED = (
    "organisation_id",
    "project_id",
    "model_id",
    "service_tier",
    "currency",
    "price_version",
    "price_input",
    "price_cache_read",
    "price_cache_write",
    "price_cache_write_long",
    "price_output",
    "price_reasoning",
    "discount_ppm",
    "cost_currency",
)
_CHARGED = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_write_long_tokens",
    "price_nano",
    "direct_nano",
    "energy_uj",
    "co2_ug",
)


def _charges(*conditions: ColumnElement[bool]) -> ClauseElement:
    day = case((_flag("day"), usage_records.c.finished_ms // _DAY_MS), else_=_ZERO).label("day")
    grouping = (day, *(usage_records.c[name] for name in _PRICED))
    sums = [func.sum(usage_records.c[name]) for name in _CHARGED]
    charged = select(*grouping, func.count(), *sums).where(*conditions)
    return charged.group_by(*grouping).order_by(*grouping)


def _booked(*conditions: ColumnElement[bool]) -> ClauseElement:
    booked = adjustments.c.booked_ms
    since, until = bindparam("since_ms", type_=Integer), bindparam("until_ms", type_=Integer)
    chosen = select(adjustments).where(booked >= since, booked < until, *conditions)
    return chosen.order_by(booked, adjustments.c.id)


def _alerts_behind() -> ClauseElement:
    """In the order in which they were raised."""
    key = ("level_id", "budget", "window_start", "percent")
    order = [alerts.c.raised_ms, *(alerts.c[name] for name in key)]
    after = [bindparam(f"after_{column.name}", type_=column.type) for column in order]
    page = select(alerts).where(tuple_(*order) > tuple_(*after)).order_by(*order)
    return page.limit(bindparam("limit", type_=Integer)).offset(_ZERO)


_DRAWER = ("organisation_id", "project_id", "kind")
_LISTED = [column for column in items.columns if column.name != "content"]


def _of_item(*names: str) -> list[ColumnElement[bool]]:
    return [items.c[name] == bindparam(name, type_=Text) for name in names]


def _is_expired_if_asked() -> ColumnElement[bool]:
    by: ColumnElement[int] = bindparam("expired_by_ms", type_=Integer)
    return by.is_(None) | (items.c.expires_ms <= by)


def _items_behind(*, is_newest_first: bool) -> ClauseElement:
    after: ColumnElement[str] = bindparam("after", type_=Text)
    now: ColumnElement[int] = bindparam("now_ms", type_=Integer)
    is_behind = items.c.id < after if is_newest_first else items.c.id > after
    is_kept = items.c.expires_ms.is_(None) | (items.c.expires_ms > now)
    page = select(*_LISTED).where(*_of_item(*_DRAWER), is_behind, is_kept)
    page = page.order_by(items.c.id.desc() if is_newest_first else items.c.id)
    return page.limit(bindparam("limit", type_=Integer)).offset(_ZERO)


def _audit_page(*owned: ColumnElement[bool]) -> ClauseElement:
    """Empty, a name or an action asks for none; a kind of action lies between two texts."""
    actor: ColumnElement[str] = bindparam("actor", type_=Text)
    action: ColumnElement[str] = bindparam("action", type_=Text)
    is_of_kind = and_(
        audit.c.action >= bindparam("action_from", type_=Text),
        audit.c.action < bindparam("action_to", type_=Text),
    )
    return (
        select(audit)
        .where(
            *owned,
            audit.c.number < bindparam("before", type_=Integer),
            or_(actor == _NOTHING, audit.c.actor == actor, audit.c.actor_name == actor),
            or_(action == _NOTHING, audit.c.action == action, is_of_kind),
            audit.c.at_ms >= bindparam("since_ms", type_=Integer),
            audit.c.at_ms < bindparam("until_ms", type_=Integer),
        )
        .order_by(audit.c.number.desc())
        .limit(bindparam("rows", type_=Integer))
        .offset(_ZERO)
    )


STATEMENTS: dict[str, ClauseElement] = {
    "HOLD_INSERT": insert(holds).values(
        {c.name: bindparam(c.name) for c in holds.columns if c.name not in _DELIVERED}
    ),
    "HOLD_CHECKPOINT": update(holds)
    .values({name: bindparam(name) for name in _DELIVERED})
    .where(holds.c.request_id == bindparam("held")),
    "HOLD_DELETE": delete(holds).where(holds.c.request_id == bindparam("held")),
    "HOLDS": select(holds).order_by(holds.c.request_id),
    "RECORD_INSERT": insert(usage_records),
    "RECORDS": _records().order_by(usage_records.c.request_id),
    "RECORD": _records().where(usage_records.c.request_id == bindparam("request_id", type_=Text)),
    "RECORD_PAGE": _page(*_in_time()),
    "RECORD_PAGE_OF_ORGANISATION": _page(_of_organisation(), *_in_time()),
    "NEWEST_PAGE": _page(*_in_time(), is_newest_first=True),
    "NEWEST_PAGE_OF_ORGANISATION": _page(_of_organisation(), *_in_time(), is_newest_first=True),
    "RECORDS_ENDED": _ended(*_in_time()),
    "RECORDS_ENDED_OF_ORGANISATION": _ended(_of_organisation(), *_in_time()),
    "FACET_KEEP": _keep(usage_facets),
    "FACETS": select(usage_facets),
    "HOUR_ADD": _add(usage_hours, *MEASURES),
    "HOURS": select(usage_hours).order_by(usage_hours.c.hour, usage_hours.c.facet_id),
    "USAGE": _by_facet(),
    "USAGE_BY_TIME": _by_time(),
    "ENTRY_INSERT": insert(entries),
    "ENTRIES": select(entries).order_by(entries.c.transaction_id, entries.c.account),
    "ENTRIES_OF": _where(entries, "transaction_id"),
    "BALANCE_ADD": _add(balances, "amount_nano"),
    "BALANCES": select(balances),
    "SPENDING_ADD": _add(spending, "spent_nano"),
    "SPENDING_DAY_ADD": _add(spending_days, "spent_nano"),
    "SPENDING_DAYS": select(spending_days),
    "SPENT_BY_DAY": select(spending_days.c.day, spending_days.c.spent_nano).where(
        spending_days.c.level_id == bindparam("level_id"),
        spending_days.c.day >= bindparam("first_day"),
    ),
    "LAST_DAY": select(func.max(spending_days.c.day)).where(
        spending_days.c.level_id == bindparam("level_id")
    ),
    "SPENDING": select(spending),
    "SPENT": select(spending.c.spent_nano).where(spending.c.level_id == bindparam("level_id")),
    "CHARGES": _charges(*_in_time()),
    "CHARGES_OF_ORGANISATION": _charges(_of_organisation(), *_in_time()),
    "NEWEST": select(usage_records.c.finished_ms, usage_records.c.currency)
    .order_by(usage_records.c.request_id.desc())
    .limit(bindparam("limit", type_=Integer))
    .offset(_ZERO),
    "FIRST_FINISHED": select(func.min(usage_records.c.finished_ms)),
    "ADJUSTMENT_INSERT": insert(adjustments),
    "ADJUSTMENTS": _booked(),
    "ADJUSTMENTS_OF_ORGANISATION": _booked(
        adjustments.c.organisation_id == bindparam("organisation_id", type_=Text)
    ),
    "CLOSING_INSERT": insert(closings),
    "CLOSINGS": select(closings).order_by(closings.c.period),
    "LAST_CLOSED": select(func.max(closings.c.period)),
    "INVOICE_INSERT": insert(invoices),
    "INVOICES": select(invoices).order_by(invoices.c.period, invoices.c.organisation_id),
    "INVOICES_OF_ORGANISATION": select(invoices)
    .where(invoices.c.organisation_id == bindparam("organisation_id", type_=Text))
    .order_by(invoices.c.period),
    "ALERT_INSERT": _tell(),
    "ALERT": select(alerts).where(
        *[alerts.c[name] == bindparam(name) for name in ("level_id", "budget", "window_start")],
        alerts.c.percent == bindparam("percent"),
    ),
    "ALERT_PAGE": _alerts_behind(),
    "ALERTS": select(alerts).order_by(alerts.c.raised_ms, *alerts.primary_key),
    "NOTE_SAVE": _save(notes),
    "NOTE": select(notes.c.value).where(notes.c.name == bindparam("name")),
    "ORGANISATION_SAVE": _save(organisations),
    "ORGANISATION": _where(organisations, "id"),
    "ORGANISATIONS": select(organisations).order_by(organisations.c.id),
    "PROJECT_SAVE": _save(projects),
    "PROJECT": _where(projects, "id"),
    "PROJECTS": _where(projects, "organisation_id"),
    "KEY_SAVE": _save(keys),
    "KEY": _where(keys, "id"),
    "KEYS": _where(keys, "project_id"),
    "KEY_OF_BEARER": select(keys).where(keys.c.bearer_digest == bindparam("bearer_digest")),
    "KEY_OF_ACCESS_KEY": _where(keys, "access_key_id"),
    "ITEM_INSERT": insert(items),
    "ITEM_DELETE": delete(items)
    .where(*_of_item(*_DRAWER, "id"), _is_expired_if_asked())
    .returning(items.c.content_bytes, items.c.file),
    "ITEM": select(items).where(*_of_item(*_DRAWER, "id")),
    "ITEM_LISTED": select(*_LISTED).where(*_of_item(*_DRAWER, "id")),
    "ITEMS_NEWEST": _items_behind(is_newest_first=True),
    "ITEMS_OLDEST": _items_behind(is_newest_first=False),
    "ITEMS_EXPIRED": select(*[items.c[name] for name in (*_DRAWER, "id")])
    .where(items.c.expires_ms <= bindparam("now_ms"))
    .order_by(items.c.expires_ms)
    .limit(bindparam("limit", type_=Integer))
    .offset(_ZERO),
    "ITEMS_NEXT_DRAWER": select(*[items.c[name] for name in _DRAWER])
    .where(
        tuple_(*[items.c[name] for name in _DRAWER])
        > tuple_(*[bindparam(name, type_=Text) for name in _DRAWER])
    )
    .order_by(*[items.c[name] for name in _DRAWER])
    .limit(_ONE)
    .offset(_ZERO),
    "ITEM_FILES": select(items.c.file).where(items.c.file.is_not(None)),
    "KEPT_ADD": _add(kept, "items", "content_bytes"),
    "KEPT_TAKE": update(kept)
    .values(
        {
            "items": kept.c["items"] - _ONE,
            "content_bytes": kept.c.content_bytes - bindparam("taken", type_=Integer),
        }
    )
    .where(kept.c.project_id == bindparam("project")),
    "KEPT": select(kept.c["items"], kept.c.content_bytes).where(
        kept.c.project_id == bindparam("project_id")
    ),
    "ALL_ADJUSTMENTS": select(adjustments).order_by(adjustments.c.id),
    "MEMBER_SAVE": _save(members),
    "MEMBER": _where(members, "id"),
    "MEMBERS": _where(members, "organisation_id"),
    "MEMBERS_CALLED": _where(members, "email"),
    "MEMBERS_VOUCHED": select(members)
    .where(
        members.c.issuer == bindparam("issuer", type_=Text),
        members.c.subject == bindparam("subject", type_=Text),
        # The index holds no others.
        members.c.subject != _NOTHING,
    )
    .order_by(members.c.id),
    "MEMBER_DELETE": delete(members).where(members.c.id == bindparam("member")),
    "SESSION_SAVE": _save(sessions),
    "SESSION": select(sessions).where(sessions.c.digest == bindparam("digest")),
    "SESSION_TOUCH": update(sessions)
    .values({"seen_ms": bindparam("seen")})
    .where(sessions.c.digest == bindparam("session")),
    "SESSION_DELETE": delete(sessions).where(sessions.c.digest == bindparam("session")),
    "SESSIONS_DELETE": delete(sessions).where(sessions.c.member_id == bindparam("member")),
    "INVITATION_SAVE": _save(invitations),
    "INVITATION": select(invitations).where(invitations.c.digest == bindparam("digest")),
    "INVITATION_CALLED": _where(invitations, "id"),
    "INVITATIONS": _where(invitations, "organisation_id"),
    "INVITATION_DELETE": delete(invitations).where(invitations.c.digest == bindparam("invitation")),
    "MEMBER_KEY_SAVE": _save(member_keys),
    "KEY_OF_MEMBER": select(member_keys.c.key_id).where(
        member_keys.c.member_id == bindparam("member_id"),
        member_keys.c.project_id == bindparam("project_id"),
    ),
    "MEMBER_OF_KEY": select(member_keys.c.member_id).where(
        member_keys.c.key_id == bindparam("key_id")
    ),
    "AUDIT_INSERT": insert(audit),
    "AUDIT_LAST": select(audit.c.number, audit.c.digest)
    .order_by(audit.c.number.desc())
    .limit(_ONE)
    .offset(_ZERO),
    "AUDIT_PAGE": _audit_page(),
    "AUDIT_PAGE_OF": _audit_page(
        audit.c.organisation_id == bindparam("organisation_id", type_=Text)
    ),
    "AUDIT_WALK": select(audit)
    .where(audit.c.number > bindparam("after", type_=Integer))
    .order_by(audit.c.number)
    .limit(bindparam("rows", type_=Integer))
    .offset(_ZERO),
    "ALL_NOTES": select(notes).order_by(notes.c.name),
    "ALL_PROJECTS": select(projects).order_by(projects.c.id),
    "ALL_KEYS": select(keys).order_by(keys.c.id),
}


def module_text() -> str:
    """The source of ``compiled.py``."""
    dialect = sqlite.dialect(paramstyle="named")
    lines = ['"""The text of every statement. Generated by ``statements``; do not edit."""', ""]
    for name, statement in STATEMENTS.items():
        compiled = statement.compile(dialect=dialect)
        lost = [key for key, value in compiled.params.items() if value is not None]
        assert not lost, f"{name} has constants that its text would lose: {lost}"
        lines.append(fill(f'{name} = """{compiled}"""', 100))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("compiled.py").write_text(module_text())
