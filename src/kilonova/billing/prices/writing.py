"""Writes a price list as TOML, merges imported rows into one, and tells two of them apart. Pure."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct, structs

from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import ListForm, RowForm, SourceForm, read_moment
from kilonova.billing.prices.hours import WEEKDAYS, WindowForm

__all__ = ["Change", "changes", "merge", "render"]

_HEAD = "# The price list of this installation. Rates are decimal text; docs/reference/prices.md.\n"
_FOREVER_MS = 2**62


class Change(Struct, frozen=True, kw_only=True):
    """A row that differs. ``old`` and ``new`` are rates by kind; None: the row is not there."""

    row: str
    old: dict[str, str] | None
    new: dict[str, str] | None


def changes(old: ListForm | None, new: ListForm) -> list[Change]:
    """Rows that were added, taken away, or whose rates, unit or validity changed, by name."""
    before = {} if old is None else {row.own_name: _told(row, old) for row in old.rows}
    after = {row.own_name: _told(row, new) for row in new.rows}
    names = [*before, *(name for name in after if name not in before)]
    return [
        Change(row=name, old=before.get(name), new=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def merge(
    standing: ListForm | None,
    rows: Sequence[RowForm],
    source: SourceForm,
    *,
    version: str,
    since: str | None = None,
) -> ListForm:
    """The list with these rows instead of all others of their models; or, with ``since``, after
    them: what stood before ends on that day. Raises PriceError for a day that is none."""
    form = standing or ListForm(version=version, currency="USD", unit="1M tokens")
    rows = [structs.replace(row, unit="" if row.unit == form.unit else row.unit) for row in rows]
    models = {row.model for row in rows}
    if since is None:
        kept, added = _others(form.rows, models), tuple(rows)
    else:
        day = date.fromisoformat(since) if _is_day(since) else None
        if day is None:
            raise PriceError(f"from: {since!r} is no date such as 2026-12-01")
        kept = tuple(
            row for old in form.rows for row in (_ended(old, day) if old.model in models else [old])
        )
        added = tuple(structs.replace(row, from_=day) for row in rows)
    sources = tuple(each for each in form.sources if each.name != source.name)
    all_rows = (*kept, *added)
    used = Counter(row.source for row in all_rows)
    return structs.replace(
        form,
        version=version,
        rows=all_rows,
        sources=tuple(
            structs.replace(each, rows=used[each.name])
            for each in (*sources, source)
            if each.name in used
        ),
    )


def render(form: ListForm) -> bytes:
    """The whole list. Comments of the file that it replaces are not in it."""
    parts = [_HEAD, _table("", _head(form))]
    parts += [
        _table(f"[windows.{_key(name)}]", _window(each)) for name, each in form.windows.items()
    ]
    for name in ("rows", "discounts", "sources"):
        parts += [_table(f"[[{name}]]", _fields(each)) for each in getattr(form, name)]
    return "\n".join(parts).encode()


def _told(row: RowForm, form: ListForm) -> dict[str, str]:
    """What of a row matters to whoever pays by it."""
    told = {"unit": row.unit or form.unit, **row.rates}
    if row.free:
        told = {"free": "true"}
    for name, value in (("from", row.from_), ("until", row.until)):
        if value is not None:
            told[name] = str(value)
    return told


def _others(rows: Sequence[RowForm], models: Collection[str]) -> tuple[RowForm, ...]:
    return tuple(row for row in rows if row.model not in models)


def _ended(row: RowForm, day: date) -> list[RowForm]:
    """The row until that day; nothing where it would begin only then."""
    at_ms = read_moment(day, "from")
    if row.from_ is not None and read_moment(row.from_, "from") >= at_ms:
        return []
    if row.until is not None and read_moment(row.until, "until") <= at_ms:
        return [row]
    return [structs.replace(row, until=day)]


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _head(form: ListForm) -> dict[str, Any]:
    head = {"version": form.version, "currency": form.currency, "unit": form.unit}
    return {name: value for name, value in head.items() if value}


def _window(window: WindowForm) -> dict[str, Any]:
    fields: dict[str, Any] = {"zone": window.zone}
    if window.days != WEEKDAYS:
        fields["days"] = window.days
    fields["hours"] = window.hours
    if window.except_:
        fields["except"] = window.except_
    return fields


def _fields(form: Struct) -> dict[str, Any]:
    """What differs from the defaults, under the names of the file."""
    names = zip(form.__struct_fields__, form.__struct_encode_fields__, strict=True)
    values = {wire: getattr(form, name) for name, wire in names}
    return {
        name: value
        for name, value in values.items()
        if value not in ("", None, (), False, 0) and (name, value) != ("tier", "default")
    }


def _table(head: str, fields: dict[str, Any]) -> str:
    lines = [head] if head else []
    lines += [f"{_key(name)} = {_value(value)}" for name, value in fields.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return (
        name
        if name.replace("_", "").replace("-", "").isalnum() and name.isascii()
        else _value(name)
    )


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case tuple() | list():
            return f"[{', '.join(map(_value, value))}]"
    # A JSON string is a basic string of TOML, but for DEL, which TOML wants escaped.
    return json.dumps(str(value)).replace("\x7f", "\\u007f")
