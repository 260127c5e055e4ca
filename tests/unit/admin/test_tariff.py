"""What the admin API shows of the price book."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from kilonova.admin.tariff import PriceQuery, show_prices
from kilonova.billing.prices.desk import PriceDesk
from kilonova.catalog.catalog import packaged_models
from kilonova.core.errors import NotFound
from kilonova.settings import PriceSettings

_LIST = """
version = "v1"
currency = "USD"
unit = "1M tokens"

[windows.night]
zone = "UTC"
hours = ["00:00-06:00"]

[[rows]]
model = "m"
during = "night"
input = "1"
output = "1"

[[rows]]
model = "m"
outside = ["night"]
input = "2"
output = "2"

[[rows]]
model = "m"
outside = ["night"]
above_input_tokens = 1000
input = "3"
output = "3"

[[rows]]
model = "m"
tier = "flex"
until = 1970-01-02
input = "4"
output = "4"

[[discounts]]
organisation = "org_1"
percent = "50"
"""
_HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("query", "at_ms", "inputs"),
    [
        (PriceQuery(model="m"), None, ["1", "2", "3", "4"]),
        (PriceQuery(model="m", tier="flex"), None, ["4"]),
        (PriceQuery(model="m", tier="default"), 0, ["1"]),
        (PriceQuery(model="m"), 7 * _HOUR_MS, ["2", "3", "4"]),
        (PriceQuery(model="m", tokens=1000), 7 * _HOUR_MS, ["2", "4"]),
        (PriceQuery(model="m", tokens=1001), 31 * _HOUR_MS, ["3"]),
        (PriceQuery(model="m", tier="nothing"), None, []),
    ],
)
def test_the_lines_asked_for_are_shown(
    tmp_path: Path, query: PriceQuery, at_ms: int | None, inputs: list[str]
) -> None:
    """Protects operators who look a price up: by model, tier, moment and length."""
    (tmp_path / "prices.toml").write_text(_LIST)
    desk = PriceDesk(PriceSettings(), packaged_models(), home=tmp_path)
    shown = show_prices(desk, query, models=packaged_models(), now_ms=7 * _HOUR_MS, at_ms=at_ms)
    assert sorted(line.price.input.split(".")[0] for line in shown.data) == inputs
    assert all(line.holds_now == (line.price.input[0] != "1") for line in shown.data)
    # Every member may see what is charged in general, and nobody what another one pays.
    assert "org_1" not in str(shown)


def test_a_model_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    """Protects from an empty answer to a slip of the pen; an alias is as good as the id."""
    ours = packaged_models()[0]
    model = replace(ours, aliases=("short",))
    desk = PriceDesk(PriceSettings(), [model], home=tmp_path)
    for name in (model.id, "short"):
        shown = show_prices(desk, PriceQuery(model=name), models=[model], now_ms=0)
        assert [line.model_id for line in shown.data] == [model.id]
    with pytest.raises(NotFound, match="no model 'foo' here"):
        show_prices(desk, PriceQuery(model="foo"), models=[model], now_ms=0)
