"""A price list as an operator writes it (TOML), and its way into a book.

    version = "2026-11"          currency = "USD"          unit = "1M tokens"
    [windows.peak]  zone, days, hours, except
    [[rows]]        model, tier, during, outside, above_input_tokens, from, until, unit, rates
    [[discounts]]   organisation, percent, models, from, until
    [[sources]]     what was imported

All of it is read, or none. A rate is never derived from another one by a ratio.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from kilonova.billing.prices.amounts import RATES, parse_percent, parse_rates, units_known
from kilonova.billing.prices.book import Book, Discount, Row
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.hours import WindowForm
from kilonova.billing.prices.windows import Condition, Window
from kilonova.core.tariff import PriceLine

__all__ = ["DiscountForm", "ListForm", "RowForm", "SourceForm", "bind", "parse_list", "read_moment"]

Form = TypeVar("Form", bound=Struct)

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.:/@>+-]*$"
Name = Annotated[str, Meta(pattern=_NAME, max_length=120)]
Tier = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]


class RowForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``[[rows]]``. Rates are decimal text in the list's currency for one ``unit``."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Name = ""
    tier: Tier = "default"
    during: str = ""
    outside: tuple[str, ...] = ()
    above_input_tokens: Annotated[int, Meta(ge=0)] = 0
    from_: Any = field(name="from", default=None)
    until: Any = None
    unit: str = ""
    free: bool = False
    input: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_long: str | None = None
    output: str | None = None
    reasoning: str | None = None
    source: str = ""

    @property
    def rates(self) -> dict[str, str]:
        """The rates that are given, by kind."""
        given = {kind: getattr(self, kind) for kind in RATES}
        return {kind: text for kind, text in given.items() if text is not None}

    @property
    def own_name(self) -> str:
        """What the row is called: as it says, or by what tells it apart from all others."""
        if self.name:
            return self.name
        parts = [self.model, self.tier]
        parts += [f"during-{self.during}"] if self.during else []
        parts += [f"outside-{window}" for window in self.outside]
        parts += [f"above-{self.above_input_tokens}"] if self.above_input_tokens else []
        parts += [] if self.from_ is None else [f"from-{_day_text(self.from_)}"]
        return "/".join(parts)


class DiscountForm(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    organisation: Annotated[str, Meta(pattern=r"^org_[0-9a-zA-Z]+$")]
    percent: str
    models: tuple[str, ...] = ()
    from_: Any = field(name="from", default=None)
    until: Any = None


class SourceForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where rows were imported from; ``date`` is the day of it."""

    name: Name
    file: str
    sha256: str
    date: str
    rows: int = 0


class ListForm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    version: Annotated[str, Meta(min_length=1, max_length=40)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    unit: str = ""
    windows: dict[str, WindowForm] = {}
    rows: tuple[RowForm, ...] = ()
    discounts: tuple[DiscountForm, ...] = ()
    sources: tuple[SourceForm, ...] = ()


_TABLES: dict[str, type[Struct]] = {
    "rows": RowForm,
    "discounts": DiscountForm,
    "sources": SourceForm,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = ("version", "currency", "unit", "windows")


def parse_list(content: bytes, *, where: str) -> ListForm:
    """The list as it is written. Raises PriceError that names ``where`` and the place in it."""
    try:
        tree: dict[str, Any] = msgspec.toml.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # Also for a number or a nesting that Python itself refuses to read.
        raise PriceError(f"{where}: not valid TOML: {error}") from None
    for key in tree:
        if key not in (*_HEAD, *_TABLES):
            raise PriceError(f"{where}: {key}: unknown; known: {', '.join((*_HEAD, *_TABLES))}")
    tables = {
        name: [
            _convert(entry, kind, where=f"{where}: {name}[{number}]{_model_of(entry)}")
            for number, entry in enumerate(_entries(tree, name, where=where), 1)
        ]
        for name, kind in _TABLES.items()
    }
    head = {key: tree[key] for key in _HEAD if key in tree}
    return msgspec.structs.replace(
        _convert(head, ListForm, where=where),
        **{name: tuple(entries) for name, entries in tables.items()},
    )


def bind(form: ListForm, *, where: str) -> Book:
    """The list as a book. Raises PriceError for a row that says too little, too much or nonsense,
    for two of one name, and for any two that could hold at once."""
    windows = {name: each.window(name, where=where) for name, each in form.windows.items()}
    rows: dict[str, Row] = {}
    for number, entry in enumerate(form.rows, 1):
        place = f"{where}: rows[{number}] ({entry.own_name})"
        row = _row(form, entry, windows, place=place)
        if row.name in rows:
            raise PriceError(f"{place}: there is a row of this name already. Names are unique.")
        rows[row.name] = row
    try:
        return Book(rows.values(), [_discount(each) for each in form.discounts])
    except PriceError as error:
        raise PriceError(f"{where}: {error}") from None


def _row(form: ListForm, entry: RowForm, windows: dict[str, Window], *, place: str) -> Row:
    unit = entry.unit or form.unit
    if not unit and not entry.free:
        raise PriceError(
            f'{place}: a price without a unit. Write unit = "1M tokens" in the row, or once at the '
            f"top of the list; known: {units_known()}"
        )
    try:
        if entry.free and entry.rates:
            raise PriceError("free = true, and rates beside it. Choose one.")
        price = parse_rates(
            entry.rates or ({"input": "0", "output": "0"} if entry.free else {}),
            unit=unit or "token",
            currency=form.currency,
            version=f"{form.version}:{entry.own_name}",
        )
        since_ms, until_ms = _validity(entry.from_, entry.until)
    except ValueError as error:
        raise PriceError(f"{place}: {error}") from None
    line = PriceLine(
        model_id=entry.model,
        service_tier=entry.tier,
        when=str(when := _condition(entry, windows, place=place)),
        above_input_tokens=entry.above_input_tokens,
        since_ms=since_ms,
        until_ms=until_ms,
        price=price,
        source=entry.source,
    )
    return Row(line=line, when=when)


def _condition(entry: RowForm, windows: dict[str, Window], *, place: str) -> Condition:
    if entry.during and entry.outside:
        raise PriceError(f"{place}: a row holds during a window or outside of some, not both.")
    for name in (entry.during, *entry.outside):
        if name and name not in windows:
            known = ", ".join(windows) or "none"
            raise PriceError(f"{place}: there is no window {name!r}; known: {known}")
    return Condition(
        during=windows[entry.during] if entry.during else None,
        outside=tuple(windows[name] for name in entry.outside),
    )


def _discount(entry: DiscountForm) -> Discount:
    try:
        since_ms, until_ms = _validity(entry.from_, entry.until)
        return Discount(
            organisation_id=entry.organisation,
            ppm=parse_percent(entry.percent),
            models=frozenset(entry.models),
            since_ms=since_ms,
            until_ms=until_ms,
        )
    except ValueError as error:
        raise PriceError(f"discounts ({entry.organisation}): {error}") from None


def _validity(since: object, until: object) -> tuple[int, int | None]:
    since_ms = 0 if since is None else read_moment(since, "from")
    until_ms = None if until is None else read_moment(until, "until")
    if until_ms is not None and until_ms <= since_ms:
        raise PriceError("until is not later than from, so the price never holds")
    return since_ms, until_ms


def read_moment(value: object, name: str) -> int:
    """A date (its first moment in UTC) or a time with an offset, as milliseconds since the epoch.

    Raises PriceError for anything else: a time without an offset has no one meaning."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            raise PriceError(f"{name}: {value!r} is no date such as 2026-11-23") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PriceError(f"{name}: {value} has no offset. Write 2026-11-23T00:00:00Z")
    elif isinstance(value, date):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        raise PriceError(f"{name}: {value!r} is no date such as 2026-11-23")
    moment = (value - _EPOCH) // timedelta(milliseconds=1)
    if moment < 0:
        raise PriceError(f"{name}: {value} is before 1970")
    return moment


def _day_text(value: object) -> str:
    """A moment as it stands in a name."""
    return value.isoformat() if isinstance(value, date) else str(value)


def _entries(tree: dict[str, Any], name: str, *, where: str) -> list[Any]:
    entries = tree.get(name, [])
    if not isinstance(entries, list):
        raise PriceError(f"{where}: {name}: write [[{name}]], one for each")
    return entries


def _model_of(entry: Any) -> str:
    model = entry.get("model") if isinstance(entry, dict) else None
    return f" ({model})" if isinstance(model, str) else ""


def _convert(tree: Any, kind: type[Form], *, where: str) -> Form:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise PriceError(f"{where}: {error}{_advice(str(error), kind)}") from None


def _advice(message: str, kind: type[Struct]) -> str:
    """What to do about a complaint of the decoder."""
    if "unknown field" in message:
        return f"; known: {', '.join(kind.__struct_encode_fields__)}"
    if message.startswith("Expected `str") and ("got `float`" in message or "got `int`" in message):
        return '. Write it in quotes, such as "1.50"'
    if message.endswith("`$.organisation`"):
        return ". Write the organisation's id, as kilonova organisations list shows it"
    return ""
