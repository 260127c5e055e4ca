"""A price book sells at one price or names a gap, at every moment and for every length."""

from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.billing.prices.book import Book, Discount, Row
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.windows import ALWAYS, Condition, Window
from kilonova.core.model import Model, Price
from kilonova.core.ports import Purchase, Quote
from kilonova.core.tariff import PriceLine

MODEL = Model(id="m", name="m", provider="p", engine="e")
PARIS = ZoneInfo("Europe/Paris")
DAY_MS = 86_400_000
# From here on the clock of Paris is put back within the week: 2026-10-25, 03:00 becomes 02:00.
START_MS = int(datetime(2026, 10, 22, tzinfo=UTC).timestamp()) * 1000

PEAK = Window(
    name="peak",
    zone=PARIS,
    days=frozenset(range(5)),
    spans=((60, 240), (360, 600)),
    closed=frozenset({date(2026, 10, 23)}),
)
NIGHT = Window(name="night", zone=PARIS, spans=((0, 150),))


def _row(name: str, **how: object) -> Row:
    when = how.pop("when", ALWAYS)
    line = PriceLine(model_id="m", price=Price(version=name, input=1), **how)
    return Row(line=line, when=when)


def _purchase(at_ms: int, tokens: int = 1, *, tier: str = "default", by: str = "") -> Purchase:
    return Purchase(
        model=MODEL, organisation_id=by, service_tier=tier, input_tokens=tokens, at_ms=at_ms
    )


def _version(book: Book, *args: object, **how: object) -> str | None:
    quote = book.find(_purchase(*args, **how))
    return None if quote is None else quote.price.version


_CONDITIONS = [
    ALWAYS,
    Condition(during=PEAK),
    Condition(outside=(PEAK,)),
    Condition(during=NIGHT),
    Condition(outside=(PEAK, NIGHT)),
]
_EDGES = st.integers(0, 6).map(lambda days: START_MS + days * DAY_MS)


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    rows = []
    for index in range(draw(st.integers(1, 6))):
        since, until = draw(_EDGES), draw(st.none() | _EDGES)
        if until is not None and until <= since:
            until = None
        rows.append(
            _row(
                f"row{index}",
                service_tier=draw(st.sampled_from(["default", "flex"])),
                above_input_tokens=draw(st.sampled_from([0, 0, 100, 200])),
                since_ms=since,
                until_ms=until,
                when=draw(st.sampled_from(_CONDITIONS)),
            )
        )
    return rows


def _slow(rows: list[Row], at_ms: int, tokens: int, tier: str) -> list[str]:
    """Every row of the tier on whose step this purchase stands, found by looking at all of them."""
    live = [
        row
        for row in rows
        if row.line.service_tier == tier and row.is_valid(at_ms) and _holds(row.when, at_ms)
    ]
    steps = [row.line.above_input_tokens for row in live]
    fitting = [step for step in steps if step < tokens or step == 0]
    if not fitting:
        return []
    return [row.name for row in live if row.line.above_input_tokens == max(fitting)]


def _holds(when: Condition, at_ms: int) -> bool:
    """As the windows say it, by the words of a wall clock."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    wall = local.astimezone(PARIS)

    def is_open(window: Window) -> bool:
        if wall.date() in window.closed or wall.weekday() not in window.days:
            return False
        minute = wall.hour * 60 + wall.minute
        return any(first <= minute < end for first, end in window.spans)

    if when.during is not None and not is_open(when.during):
        return False
    return not any(is_open(window) for window in when.outside)


@given(
    _rows(),
    st.lists(
        st.tuples(
            st.integers(START_MS - DAY_MS, START_MS + 8 * DAY_MS),
            st.sampled_from([0, 1, 100, 101, 200, 201]),
            st.sampled_from(["default", "flex", "unheard-of"]),
        ),
        max_size=30,
    ),
)
def test_a_purchase_has_one_row_or_none(rows: list[Row], asked: list[tuple[int, int, str]]) -> None:
    """Protects the price: the book agrees with a scan of all rows, in any order of asking, and
    what it accepts has never two rows for one purchase."""
    try:
        book = Book(rows)
    except PriceError:
        return
    for at_ms, tokens, tier in asked:
        found = _slow(rows, at_ms, tokens, tier) or _slow(rows, at_ms, tokens, "default")
        assert len(found) <= 1
        assert _version(book, at_ms, tokens, tier=tier) == (found[0] if found else None)


@given(st.sampled_from(list(combinations(range(len(_CONDITIONS)), 2))), st.integers(0, 2**20))
def test_conditions_that_never_meet_never_hold_together(pair: tuple[int, int], step: int) -> None:
    """Protects the check of overlaps: what it lets pass as disjoint is, at every minute."""
    one, other = (_CONDITIONS[index] for index in pair)
    at_ms = START_MS + step % (21 * 24 * 60) * 60_000
    if not one.meets(other):
        assert not (one.holds(at_ms) and other.holds(at_ms))


def test_conditions_meet_where_they_do() -> None:
    """Protects lists from being refused, or taken, wrongly."""
    peak, off_peak, night = Condition(during=PEAK), Condition(outside=(PEAK,)), _CONDITIONS[3]
    assert not peak.meets(off_peak)
    assert peak.meets(night)
    assert off_peak.meets(night)
    assert not peak.meets(_CONDITIONS[4])
    assert ALWAYS.meets(peak)
    holiday = Window(name="holiday", zone=PARIS, days=frozenset({4}))
    weekend = Window(name="weekend", zone=PARIS, days=frozenset({5, 6}))
    assert not Condition(during=weekend).meets(Condition(during=holiday))
    # Only on its holiday is the peak's Friday morning outside of the peak.
    friday = Window(name="f", zone=PARIS, days=frozenset({4}), spans=((60, 240),))
    assert Condition(outside=(PEAK,)).meets(Condition(during=friday))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-10-22T00:59:59+02:00", "off"),
        ("2026-10-22T01:00:00+02:00", "peak"),
        ("2026-10-22T03:59:59+02:00", "peak"),
        ("2026-10-22T04:00:00+02:00", "off"),
        ("2026-10-23T01:00:00+02:00", "off"),  # a holiday
        ("2026-10-24T01:00:00+02:00", "off"),  # a Saturday
        ("2026-10-26T01:00:00+01:00", "peak"),
        ("2026-10-26T00:00:00+00:00", "peak"),  # the same, in winter time
    ],
)
def test_peak_and_off_peak_change_on_the_minute(moment: str, expected: str) -> None:
    """Protects off-peak prices: weekdays, hours and holidays are those of the zone."""
    book = Book([
        _row("peak", when=Condition(during=PEAK)), _row("off", when=Condition(outside=(PEAK,))),
    ])  # fmt: skip
    at_ms = int(datetime.fromisoformat(moment).timestamp()) * 1000
    assert _version(book, at_ms - 60_000) is not None
    assert _version(book, at_ms) == expected


@pytest.mark.parametrize(
    ("local_hours", "day", "hours"),
    [((120, 180), date(2026, 10, 25), 2), ((120, 180), date(2026, 3, 29), 0)],
)
def test_the_hour_that_comes_twice_or_never(
    local_hours: tuple[int, int], day: date, hours: int
) -> None:
    """Protects the two nights a year on which clocks are changed: the window is open for two hours
    or for none, and every minute of the day has exactly one price."""
    window = Window(name="w", zone=PARIS, spans=(local_hours,))
    book = Book([_row("in", when=Condition(during=window)),
                 _row("out", when=Condition(outside=(window,)))])  # fmt: skip
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    first_ms = int(midnight.timestamp()) * 1000
    found = [_version(book, first_ms + minute * 60_000) for minute in range(24 * 60)]
    assert found.count("in") == hours * 60
    assert None not in found


def test_a_threshold_is_for_what_is_longer() -> None:
    """Protects long prompts: 200,000 tokens cost the lower price, one more the higher."""
    book = Book([_row("short"), _row("long", above_input_tokens=200_000)])
    assert [_version(book, 0, tokens) for tokens in (0, 200_000, 200_001)] == [
        "short", "short", "long",
    ]  # fmt: skip


def test_a_tier_not_on_sale_is_sold_as_the_default() -> None:
    """Protects callers: what is not sold is not charged for, and the quote says what was."""
    book = Book([_row("plain"), _row("flex", service_tier="flex", until_ms=10)])
    assert book.find(_purchase(5, tier="flex")) == Quote(Price(version="flex", input=1), "flex")
    for asked in (_purchase(10, tier="flex"), _purchase(5, tier="priority")):
        assert book.find(asked) == Quote(Price(version="plain", input=1), "default")


def test_a_gap_is_no_price() -> None:
    """Protects the operator: before, after and below what is priced nothing is sold."""
    book = Book([_row("a", since_ms=10, until_ms=20, above_input_tokens=5)])
    asked = ((9, 6), (10, 6), (19, 6), (20, 6), (15, 5), (10, 6))
    assert [_version(book, at_ms, tokens) for at_ms, tokens in asked] == [
        None, "a", "a", None, None, "a",
    ]  # fmt: skip


def test_discounts_are_of_one_organisation_and_one_time() -> None:
    """Protects discounts: the model's own goes before the general one, and neither leaks."""
    book = Book(
        [_row("a")],
        [
            Discount(organisation_id="org_1", ppm=100_000, since_ms=10, until_ms=30),
            Discount(organisation_id="org_1", ppm=500_000, models=frozenset({"m"}), since_ms=20),
            Discount(organisation_id="org_2", ppm=200_000, models=frozenset({"other"})),
        ],
    )

    def off(by: str, at_ms: int) -> int:
        quote = book.find(_purchase(at_ms, by=by))
        assert quote is not None
        return quote.price.discount_ppm

    assert [off("org_1", at_ms) for at_ms in (9, 10, 20, 30, 9)] == [
        0,
        100_000,
        500_000,
        500_000,
        0,
    ]
    assert off("org_2", 25) == off("org_3", 25) == off("", 25) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"since_ms": 10}),
        ({"until_ms": 11}, {"since_ms": 10, "until_ms": 20}),
        ({"when": Condition(during=PEAK)}, {}),
        ({"when": Condition(during=PEAK)}, {"when": Condition(during=NIGHT)}),
    ],
)
def test_rows_that_overlap_are_refused_by_name(one: dict, other: dict) -> None:
    """Protects the price from depending on the order of a file."""
    with pytest.raises(PriceError, match="the rows first and second overlap"):
        Book([_row("first", **one), _row("second", **other)])
    Book([_row("first", **one), _row("second", service_tier="flex", **other)])


def test_two_discounts_at_once_are_refused() -> None:
    """Protects an organisation's price from depending on the order of a file."""
    twice = [Discount(organisation_id="org_1", ppm=1), Discount(organisation_id="org_1", ppm=2)]
    with pytest.raises(PriceError, match="two of them hold for org_1"):
        Book([], twice)


def test_windows_of_one_model_share_a_zone() -> None:
    """Protects the check of overlaps, which compares hours on one wall."""
    utc = Window(name="u", zone=ZoneInfo("UTC"), spans=((0, 60),))
    rows = [_row("a", when=Condition(during=utc)), _row("b", when=Condition(outside=(PEAK,)))]
    with pytest.raises(PriceError, match=r"several time zones \(Europe/Paris, UTC\)"):
        Book(rows)
