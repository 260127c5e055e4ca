"""Every model is sold at a price that somebody wrote down, or free by word, or not at all."""

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from kilonova.billing.prices.desk import PriceDesk
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import ListForm, parse_list
from kilonova.billing.prices.vendors import VendorPrices
from kilonova.core.errors import NotFound
from kilonova.core.model import Model, Price
from kilonova.core.ports import Purchase
from kilonova.core.usage import Usage
from kilonova.settings import PriceSettings

OURS = Model(
    id="ours", name="o", provider="p", engine="e", aliases=("alias",),
    price=Price(version="entry", input=5, output=6),
)  # fmt: skip
BARE = Model(id="bare", name="b", provider="p", engine="e", price=None)
VECTORS = replace(BARE, id="vectors", abilities=("embeddings",))
_LIST = 'version = "v1"\ncurrency = "USD"\nunit = "1M tokens"\n'


def _row(model: str, rates: str) -> str:
    return f'[[rows]]\nmodel = "{model}"\n{rates}\n'


def _desk(home: Path, text: str | None, *models: Model, **how: object) -> PriceDesk:
    if text is not None:
        (home / "prices.toml").write_text(_LIST + text)
    configured = how.pop("configured", ())
    return PriceDesk(PriceSettings(**how), models, home=home, configured=configured)


def _quote(desk: PriceDesk, model: Model, **how: object) -> Price:
    facts = {"organisation_id": "org_1", "service_tier": "default", "input_tokens": 1, "at_ms": 0}
    return desk.quote(Purchase(model=model, **{**facts, **how})).price


def test_a_list_goes_before_the_catalogue(tmp_path: Path) -> None:
    """Protects operators who reprice a packaged model; the others keep their own price."""
    desk = _desk(tmp_path, _row("bare", 'input = "1"\noutput = "2"'), OURS, BARE)
    assert _quote(desk, OURS) == OURS.price
    assert _quote(desk, BARE).version == "v1:bare/default"
    assert _quote(_desk(tmp_path, _row("ours", "free = true"), OURS), OURS).rates == (0,) * 6
    assert _quote(_desk(tmp_path, _row("vectors", 'input = "1"'), VECTORS), VECTORS).output == 0


def test_nothing_is_free_by_omission(tmp_path: Path) -> None:
    """Protects revenue: a model without a price stops the start, unless it is given away."""
    with pytest.raises(PriceError, match=r'bare has no price.*or price = "free".*unpriced'):
        _desk(tmp_path, None, OURS, BARE)
    desk = _desk(tmp_path, None, OURS, BARE, unpriced="free", currency="USD")
    assert _quote(desk, BARE) == Price()
    assert _quote(desk, OURS) == OURS.price


def test_a_gap_is_refused_by_name(tmp_path: Path) -> None:
    """Protects callers from a price that nobody set: the model is not on sale then, and no free
    price takes its place."""
    rates = 'from = 2026-01-01\ninput = "1"\noutput = "1"\nabove_input_tokens = 10'
    desk = _desk(tmp_path, _row("bare", rates), BARE, unpriced="free")
    with pytest.raises(NotFound, match="'bare' is not on sale.*11 tokens at 1970-01-01T00:00:00Z"):
        _quote(desk, BARE, input_tokens=11)
    assert desk.current(BARE, 0) is None
    assert _quote(desk, BARE, input_tokens=11, at_ms=2**41).input == 10**9


@pytest.mark.parametrize(
    ("text", "words", "how"),
    [
        (_row("ours", 'input = "1"'), "output: missing; ours writes answers", {}),
        (_row("alias", 'input = "1"\noutput = "1"'), "an alias. Write its id, 'ours'", {}),
        (
            _row("ours", 'input = "1"\noutput = "1"'),
            'models."ours".price: the price list has rows for this model, too',
            {"configured": {"ours"}},
        ),
        (None, 'models."ours".price.currency: USD', {"configured": {"ours"}, "currency": "EUR"}),
        ("", "the list is in USD and the installation keeps its books in EUR", {"currency": "EUR"}),
    ],
)
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, text: str | None, words: str, how: dict[str, object]
) -> None:
    """Protects the books: one price a model, one currency, an output price for what writes."""
    with pytest.raises(PriceError, match=words):
        _desk(tmp_path, text, OURS, **how)


def test_a_packaged_price_in_another_currency_is_none(tmp_path: Path) -> None:
    """Protects an installation in euros: no rate of exchange is guessed, and zero is zero."""
    nothing = replace(OURS, id="nothing", aliases=(), price=Price())
    desk = _desk(tmp_path, None, OURS, nothing, currency="EUR")
    with pytest.raises(NotFound, match="'ours' is not on sale"):
        _quote(desk, OURS)
    assert _quote(desk, nothing) == Price(currency="EUR")


def test_a_new_file_is_taken_up_whole_or_not_at_all(tmp_path: Path) -> None:
    """Protects a running server: a list with a mistake changes nothing, a good one everything."""
    desk = _desk(tmp_path, _row("bare", 'input = "1"\noutput = "1"'), BARE)
    path, before = desk.path, desk.sha256
    assert not desk.looks_changed()
    assert not desk.reload()
    path.write_text(_LIST + _row("bare", 'input = "2"'))
    assert desk.looks_changed()
    with pytest.raises(PriceError, match="output: missing"):
        desk.reload()
    assert (desk.sha256, _quote(desk, BARE).input, desk.looks_changed()) == (before, 10**9, False)
    path.write_text(_LIST + _row("bare", 'input = "3"\noutput = "1"'))
    assert desk.reload()
    assert _quote(desk, BARE).input == 3 * 10**9
    path.unlink()
    with pytest.raises(PriceError, match="bare has no price"):
        desk.reload()


def test_the_newest_list_stays_however_long_an_older_one_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects a corrected price: a reading of the list before it, still under way, does not put
    that one back."""
    desk = _desk(tmp_path, _row("bare", 'input = "1"\noutput = "1"'), BARE)
    is_reading, may_go_on = threading.Event(), threading.Event()

    def read_slowly(content: bytes, *, where: str) -> ListForm:
        if b'"2"' in content:
            is_reading.set()
            assert may_go_on.wait(5)
        return parse_list(content, where=where)

    monkeypatch.setattr("kilonova.billing.prices.desk.parse_list", read_slowly)
    readers = [threading.Thread(target=desk.reload) for _ in range(2)]
    for reader, rate in zip(readers, "23", strict=True):
        desk.path.write_text(_LIST + _row("bare", f'input = "{rate}"\noutput = "1"'))
        reader.start()
        assert is_reading.wait(5)
    readers[1].join(0.2)
    may_go_on.set()
    for reader in readers:
        reader.join(5)
    assert _quote(desk, BARE).input == 3 * 10**9


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """Protects operators from a list that is not read because of a typing error."""
    with pytest.raises(PriceError, match="there is no such price list"):
        _desk(tmp_path, None, OURS, file="pricse.toml")


def test_what_vendors_charge_is_a_list_like_ours(tmp_path: Path) -> None:
    """Protects the margin: a vendor's charge is exact, unknown where no row says it, and steps
    with the length of the prompt, cached or not."""
    vendors = VendorPrices(PriceSettings(), home=tmp_path)
    usage = Usage(input_tokens=60, cache_read_tokens=50, output_tokens=10)
    assert vendors.charge(BARE, usage, at_ms=0) is None
    (tmp_path / "costs.toml").write_text(
        _LIST
        + _row("bare", 'input = "1"\ncache_read = "0.1"\noutput = "2"')
        + _row("bare", 'above_input_tokens = 100\ninput = "2"\noutput = "4"')
    )
    vendors = VendorPrices(PriceSettings(), home=tmp_path)
    assert vendors.charge(BARE, usage, at_ms=0) == (60 + 50) * 2000 + 10 * 4000
    shorter = replace(usage, input_tokens=50)
    assert vendors.charge(BARE, shorter, at_ms=0) == 50 * 1000 + 50 * 100 + 10 * 2000
    with pytest.raises(PriceError, match="No rate of exchange is guessed"):
        VendorPrices(PriceSettings(currency="EUR"), home=tmp_path)


def test_a_list_that_is_gone_for_a_moment_stays_in_use(tmp_path: Path) -> None:
    """Protects revenue while somebody replaces the file: no request is sold at the catalogue's
    price because the list was away, and the list is taken up again when it is back."""
    rows = _row("ours", 'input = "1"\noutput = "2"')
    desk = _desk(tmp_path, rows, OURS)
    in_use = _quote(desk, OURS)
    (tmp_path / "prices.toml").rename(tmp_path / "away")
    assert desk.looks_changed()
    with pytest.raises(PriceError, match="the price list is gone"):
        desk.reload()
    assert _quote(desk, OURS) == in_use
    assert not desk.looks_changed()
    (tmp_path / "prices.toml").write_text(_LIST + _row("ours", 'input = "3"\noutput = "4"'))
    assert desk.looks_changed()
    assert desk.reload()
    assert _quote(desk, OURS).input == 3 * 10**9


def test_rows_for_nobody_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Protects from a slip in a model's name: the row is kept, for a model to come, and said."""
    _desk(tmp_path, _row("ours", "free = true") + _row("ousr", "free = true"), OURS)
    assert [record.message for record in caplog.records] == ["prices_of_unknown_models"]
    assert caplog.records[0].__dict__["fields"]["models"] == ["ousr"]


def test_a_discount_for_nobody_is_refused(tmp_path: Path) -> None:
    """Protects a customer whose id has a slip in it: he would pay the full price and not know."""
    discount = '[[discounts]]\norganisation = "org_2"\npercent = "5"\n'
    desk = _desk(tmp_path, discount, OURS)
    with pytest.raises(PriceError, match="no organisation org_2 here"):
        desk.know(lambda: ["org_1"])
    desk.know(lambda: ["org_1", "org_2"])
    (tmp_path / "prices.toml").write_text(_LIST + discount.replace("org_2", "org_3"))
    with pytest.raises(PriceError, match="no organisation org_3 here"):
        desk.reload()
    assert _quote(desk, OURS, organisation_id="org_2").discount_ppm == 50_000
