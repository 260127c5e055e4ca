"""The public price list becomes rows: exactly, completely, or not at all."""

from typing import Any

import pytest

from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import ListForm, RowForm, SourceForm, bind, parse_list
from kilonova.billing.prices.public_list import match_names, read_public_list
from kilonova.billing.prices.writing import changes, merge, render

LIST = b"""{
  "sample_spec": {"input_cost_per_token": 0.0, "mode": "one of: chat, \\u2026"},
  "vendor-large": {
    "input_cost_per_token": 1e-07, "output_cost_per_token": 0.0000004,
    "cache_read_input_token_cost": 2.5e-08,
    "cache_creation_input_token_cost": 1.25e-07,
    "cache_creation_input_token_cost_above_1hr": 2e-07,
    "output_cost_per_reasoning_token": 5e-07,
    "input_cost_per_token_above_200k_tokens": 2e-07,
    "output_cost_per_token_above_200k_tokens": 8e-07,
    "input_cost_per_token_batches": 5e-08, "output_cost_per_token_batches": 2e-07,
    "input_cost_per_token_priority": 1.75e-07, "output_cost_per_token_priority": 7e-07,
    "input_cost_per_token_flex": 5e-08, "output_cost_per_token_flex": 2e-07,
    "output_cost_per_token_above_200k_tokens_flex": 4e-07,
    "input_cost_per_audio_token": 1e-05, "max_input_tokens": 1000000,
    "litellm_provider": "vendor", "mode": "chat"
  },
  "vendor-embed": {
    "input_cost_per_token": 1.8750000000000003e-08, "output_cost_per_token": 0.0,
    "litellm_provider": "vendor", "mode": "embedding"
  },
  "vendor-gift": {
    "input_cost_per_token": 0.0, "output_cost_per_token": 0.0,
    "litellm_provider": "vendor", "mode": "chat"
  },
  "vendor-image": {
    "output_cost_per_image": 0.04, "litellm_provider": "vendor", "mode": "image_generation"
  },
  "other": {"input_cost_per_token": 1e-06, "litellm_provider": "else", "mode": "chat"}
}"""
PUBLIC = read_public_list(LIST, where="list.json")


def _rows(name: str) -> dict[tuple[str, int], dict[str, str]]:
    rows = PUBLIC.rows({"ours": name}, source="s").rows
    assert {row.model for row in rows} == {"ours"}
    return {(row.tier, row.above_input_tokens): row.rates for row in rows}


def test_every_kind_tier_and_threshold_is_read() -> None:
    """Protects against the commonest wrong bills: cached tokens, tiers and long prompts at the
    price of the plain ones."""
    cached = {"cache_read": "0.025", "cache_write": "0.125", "cache_write_long": "0.2"}
    assert _rows("vendor-large") == {
        ("default", 0): {"input": "0.1", "output": "0.4", "reasoning": "0.5", **cached},
        ("default", 200_000): {"input": "0.2", "output": "0.8", "reasoning": "0.5", **cached},
        ("batch", 0): {"input": "0.05", "output": "0.2", "reasoning": "0.5", **cached},
        ("flex", 0): {"input": "0.05", "output": "0.2", "reasoning": "0.5", **cached},
        ("priority", 0): {"input": "0.175", "output": "0.7", "reasoning": "0.5", **cached},
    }


def test_what_is_not_taken_is_told() -> None:
    """Protects operators: sounds, gifts and roundings do not go by unseen."""
    large = PUBLIC.rows({"ours": "vendor-large"}, source="s")
    assert large.left_out == (
        "vendor-large: input_cost_per_audio_token",
        "vendor-large: flex above 200000 tokens has no rate for input",
    )
    assert (large.rounded, large.free) == (0, ())
    embed = PUBLIC.rows({"ours": "vendor-embed"}, source="s")
    assert (embed.rows[0].input, embed.rounded) == ("0.01875", 1)
    gift = PUBLIC.rows({"ours": "vendor-gift"}, source="s")
    assert (gift.rows, gift.free) == ((), ("vendor-gift",)), "0 may mean that nobody knows"


def test_models_are_found_by_provider_and_by_name() -> None:
    """Protects the two ways to import without naming each model."""
    assert PUBLIC.of_provider("vendor") == ["vendor-large", "vendor-embed", "vendor-gift"]
    names = [("a", ("", "vendor-large")), ("b", ("nothing",))]
    assert match_names(PUBLIC, names) == {"a": "vendor-large"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": {}, "a": {}}', "'a' is in the list twice"),
        (
            b'{"a": {"input_cost_per_token": 1, "input_cost_per_token": 2}}',
            "'input_cost_per_token' is in the list twice",
        ),
        (b'{"a": {"input_cost_per_token": NaN}}', "NaN is not a finite number"),
        (b'{"a": {"input_cost_per_token": -Infinity}}', "not a finite number"),
        (b"[]", "not a price list"),
        (b'{"a": 1}', "not a price list"),
        (b"{", "list.json: "),
        (b"\xff", "list.json: "),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, words: str) -> None:
    """Protects operators from a file that was cut off, or says two things."""
    with pytest.raises(PriceError, match=words):
        read_public_list(content, where="list.json")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (b'"input_cost_per_token": -1e-06', "input_cost_per_token: -0.000001 is below zero"),
        (b'"input_cost_per_token": 1e+06', "more than a million"),
        (b'"input_cost_per_token": 1e-06, "mode": "chat"', "no output_cost_per_token"),
        (b'"output_cost_per_image": 1', "not sold by the token"),
    ],
)
def test_an_entry_without_a_usable_price_is_refused(entry: bytes, words: str) -> None:
    """Protects the list in use: nothing of an import with such an entry is taken."""
    public = read_public_list(b'{"good": {"input_cost_per_token": 1e-06}, "bad": {%b}}' % entry,
                              where="list.json")  # fmt: skip
    with pytest.raises(PriceError, match=words):
        public.rows({"one": "good", "two": "bad"}, source="s")


def test_a_name_that_is_not_there_is_told_with_its_neighbours() -> None:
    """Protects operators from typing errors."""
    with pytest.raises(PriceError, match="no model 'LARGE'; near it: vendor-large"):
        PUBLIC.rows({"ours": "LARGE"}, source="s")


_STANDING = parse_list(
    b'version = "v1"\ncurrency = "USD"\nunit = "1M tokens"\n'
    b'[[rows]]\nmodel = "ours"\ninput = "9"\noutput = "9"\n'
    b'[[rows]]\nmodel = "ours"\ntier = "flex"\nfrom = 2026-12-24\ninput = "9"\noutput = "9"\n'
    b'[[rows]]\nmodel = "mine"\ninput = "1"\noutput = "1"\n'
    b'[[discounts]]\norganisation = "org_1"\npercent = "5"\n',
    where="p.toml",
)
_SOURCE = SourceForm(name="s", file="list.json", sha256="00", date="2026-11-23")


def _merged(**how: Any) -> ListForm:
    rows = PUBLIC.rows({"ours": "vendor-embed"}, source="s").rows
    form = merge(_STANDING, rows, _SOURCE, version="v2", **how)
    assert parse_list(render(form), where="p.toml") == form
    bind(form, where="p.toml")
    return form


def _told(row: RowForm) -> tuple[object, ...]:
    return row.own_name, row.input, row.until


def test_an_import_takes_the_place_of_the_models_own_rows() -> None:
    """Protects everything else in the list: other models, discounts."""
    form = _merged()
    assert list(map(_told, form.rows)) == [
        ("mine/default", "1", None), ("ours/default", "0.01875", None),
    ]  # fmt: skip
    assert form.discounts == _STANDING.discounts
    assert form.sources[0].rows == 1
    assert [change.row for change in changes(_STANDING, form)] == [
        "ours/default", "ours/flex/from-2026-12-24",
    ]  # fmt: skip


def test_an_import_from_a_day_on_leaves_what_was_before() -> None:
    """Protects the price until that day; what would have begun later does not begin."""
    form = _merged(since="2026-12-01")
    assert [(name, price, str(until)) for name, price, until in map(_told, form.rows)] == [
        ("ours/default", "9", "2026-12-01"),
        ("mine/default", "1", "None"),
        ("ours/default/from-2026-12-01", "0.01875", "None"),
    ]
    with pytest.raises(PriceError, match="'tomorrow' is no date"):
        _merged(since="tomorrow")
