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
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement, ColumnElement
from sqlalchemy.sql.selectable import Select

from kilonova.stores.sql.tables import (
    balances,
    entries,
    holds,
    items,
    kept,
    keys,
    notes,
    organisations,
    projects,
    spending,
    spending_days,
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
_SUMMED = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_write_long_tokens",
    "price_nano",
    "shortfall_nano",
)


def _save(table: Table) -> ClauseElement:
    """Insert, or replace the row with the same primary key."""
    statement = sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=others)


def _add(table: Table, *amounts: str) -> ClauseElement:
    """Insert amounts, or add them to those that are there."""
    statement = sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    totals = {amount: table.c[amount] + statement.excluded[amount] for amount in amounts}
    return statement.on_conflict_do_update(index_elements=key, set_=totals)


def _where(table: Table, column: str) -> Select[tuple[object, ...]]:
    matching = table.c[column] == bindparam(column, type_=Text)
    return select(table).where(matching).order_by(*table.primary_key)


def _flag(grouping: str) -> ColumnElement[bool]:
    flag: ColumnElement[int] = bindparam(f"by_{grouping}", type_=Integer)
    return flag == _ONE


def _group(grouping: str) -> ColumnElement[str]:
    column = usage_records.c[f"{grouping}_id"]
    return case((_flag(grouping), column), else_=_NOTHING).label(grouping)


def _in_time() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    ended = usage_records.c.finished_ms
    since, until = bindparam("since_ms", type_=Integer), bindparam("until_ms", type_=Integer)
    return ended >= since, ended < until


def _of_organisation() -> ColumnElement[bool]:
    return usage_records.c.organisation_id == bindparam("organisation_id", type_=Text)


def _sums(*conditions: ColumnElement[bool]) -> ClauseElement:
    day = case((_flag("day"), usage_records.c.finished_ms // _DAY_MS), else_=_ZERO).label("day")
    groups = [_group(name) for name in ("organisation", "project", "key", "model")]
    sums = [func.sum(usage_records.c[name]) for name in _SUMMED]
    grouping = (*groups, day, usage_records.c.currency)
    return select(*grouping, func.count(), *sums).where(*conditions).group_by(*grouping)


def _page(*conditions: ColumnElement[bool]) -> ClauseElement:
    request_id = usage_records.c.request_id
    behind = request_id > bindparam("after", type_=Text)
    page = select(usage_records).where(behind, *conditions).order_by(request_id)
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
    "RECORDS": select(usage_records).order_by(usage_records.c.request_id),
    "RECORD_PAGE": _page(*_in_time()),
    "RECORD_PAGE_OF_ORGANISATION": _page(_of_organisation(), *_in_time()),
    "USAGE": _sums(*_in_time()),
    "USAGE_OF_ORGANISATION": _sums(_of_organisation(), *_in_time()),
    "ENTRY_INSERT": insert(entries),
    "ENTRIES": select(entries).order_by(entries.c.transaction_id, entries.c.account),
    "BALANCE_ADD": _add(balances, "amount_nano"),
    "BALANCES": select(balances),
    "SPENDING_ADD": _add(spending, "spent_nano"),
    "SPENDING_DAY_ADD": _add(spending_days, "spent_nano"),
    "SPENDING_DAYS": select(spending_days),
    "SPENT_BY_DAY": select(spending_days.c.day, spending_days.c.spent_nano).where(
        spending_days.c.level_id == bindparam("level_id"),
        spending_days.c.day >= bindparam("first_day"),
    ),
    "SPENDING": select(spending),
    "SPENT": select(spending.c.spent_nano).where(spending.c.level_id == bindparam("level_id")),
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
        lines.append(f'{name} = """\\\n{fill(str(compiled), 96)}"""')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("compiled.py").write_text(module_text())
