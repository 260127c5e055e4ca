"""Reads the public price list: one JSON object, a model a key, a rate a token and kind.

    input_cost_per_token · output_cost_per_token · output_cost_per_reasoning_token
    cache_read_input_token_cost · cache_creation_input_token_cost(_above_1hr)
    each with _above_128k_tokens and the like, then _batches, _priority, _flex or another tier

Numbers are read from their text, so that 1e-07 is exact. What a tier or a longer input has no rate
of its own for costs what the list says without that suffix, which is how the list is meant. Kinds
that are not sold by the token (images, audio, seconds, searches) are left out, and told.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.prices.amounts import round_rate
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import RowForm
from kilonova.core.money import format_nano

__all__ = ["CURRENCY", "Imported", "PublicList", "match_names", "read_public_list"]

CURRENCY = "USD"
UNIT = "1M tokens"
_BYTES_MAX = 64 * 1024 * 1024
_KINDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_long",
}
_KEY = re.compile(
    rf"^({'|'.join(sorted(_KINDS, key=len, reverse=True))})"
    r"(?:_above_(\d+)k_tokens)?(?:_([a-z]+))?$"
)
_TIERS = {"": "default", "batches": "batch"}
_WRITERS = ("chat", "responses", "completion")
_MODES = (*_WRITERS, "embedding")


class Imported(Struct, frozen=True, kw_only=True):
    """Rows made from the list. ``left_out`` says what of these models was not taken, and
    ``rounded`` how many rates were finer than a nano-unit per million tokens; ``free`` are those
    that the list gives away, or has no price for and says 0: nothing is free by import."""

    rows: tuple[RowForm, ...]
    free: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    rounded: int = 0


class PublicList(Struct, frozen=True):
    """Everything in the file, by the list's own names."""

    entries: Mapping[str, Mapping[str, Any]]

    def of_provider(self, provider: str) -> list[str]:
        """The names of a provider's models that write answers or make vectors and have a price."""
        return [
            name
            for name, entry in self.entries.items()
            if entry.get("litellm_provider") == provider
            and entry.get("mode") in _MODES
            and "input_cost_per_token" in entry
        ]

    def rows(self, chosen: Mapping[str, str], *, source: str) -> Imported:
        """Rows for our ids, given theirs. Raises PriceError for a name that is not in the list, a
        rate that is none, and a model that writes and has no rate for it."""
        rows: list[RowForm] = []
        left_out: list[str] = []
        free: list[str] = []
        rounded = 0
        for model_id, name in chosen.items():
            found = _entry_rows(model_id, name, self._entry(name), source=source)
            rows += () if found.free else found.rows
            left_out += found.left_out
            free += found.free
            rounded += found.rounded
        return Imported(
            rows=tuple(rows), free=tuple(free), left_out=tuple(left_out), rounded=rounded
        )

    def _entry(self, name: str) -> Mapping[str, Any]:
        entry = self.entries.get(name)
        if entry is None:
            raise PriceError(f"the list has no model {name!r}{self.hint(name)}")
        return entry

    def hint(self, name: str) -> str:
        """What to say besides of a name that is not in the list: those that hold it."""
        near = [each for each in self.entries if name.lower() in each.lower()][:5]
        return f"; near it: {', '.join(near)}" if near else ""


def read_public_list(content: bytes, *, where: str) -> PublicList:
    """Raises PriceError for what is no such list, and for a key that is there twice."""
    if len(content) > _BYTES_MAX:
        raise PriceError(f"{where}: larger than {_BYTES_MAX} bytes")
    try:
        tree = json.loads(
            content,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once_each,
        )
    except (ValueError, RecursionError) as error:
        raise PriceError(f"{where}: {error}") from None
    if not isinstance(tree, dict) or not all(isinstance(entry, dict) for entry in tree.values()):
        raise PriceError(
            f"{where}: not a price list: one JSON object with an object for each model"
        )
    return PublicList({name: entry for name, entry in tree.items() if name != "sample_spec"})


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PriceError(f"{twice!r} is in the list twice")
    return tree


def _refuse_constant(word: str) -> Any:
    raise PriceError(f"{word} is not a finite number")


def _entry_rows(model_id: str, name: str, entry: Mapping[str, Any], *, source: str) -> Imported:
    rates, left_out, rounded = _read_rates(name, entry)
    base = rates.get(("default", 0), {})
    if "input" not in base:
        raise PriceError(f"{name}: has no input_cost_per_token, so it is not sold by the token")
    if entry.get("mode") in _WRITERS and "output" not in base:
        raise PriceError(f"{name}: writes answers and has no output_cost_per_token")
    rows = []
    for (tier, above), own in sorted(rates.items(), key=_row_order):
        if "input" not in own:
            left_out.append(f"{name}: {tier} above {above} tokens has no rate for input")
            continue
        whole = {**base, **rates.get((tier, 0), {}), **rates.get(("default", above), {}), **own}
        texts = {kind: _text(rate) for kind, rate in whole.items()}
        row = RowForm(model=model_id, tier=tier, above_input_tokens=above, unit=UNIT, source=source)
        rows.append(replace(row, **texts))
    free = () if any(base.values()) else (name,)
    return Imported(rows=tuple(rows), free=free, left_out=tuple(left_out), rounded=rounded)


def _text(rate: int) -> str:
    """As short as decimal text can be."""
    return format_nano(rate).rstrip("0").rstrip(".")


def _row_order(item: tuple[tuple[str, int], object]) -> tuple[bool, str, int]:
    tier, above = item[0]
    return tier != "default", tier, above


def _read_rates(
    name: str, entry: Mapping[str, Any]
) -> tuple[dict[tuple[str, int], dict[str, int]], list[str], int]:
    """Nano-units per million by tier and threshold, what was left out, and how much was rounded."""
    rates: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    unknown: list[str] = []
    rounded = 0
    for key, amount in entry.items():
        if "cost" not in key or amount is None or _is_nothing(amount):
            continue
        found = _KEY.match(key)
        if found is None or not isinstance(amount, Decimal):
            unknown.append(key)
            continue
        base, thousands, tier = found.groups(default="")
        above = int(thousands or 0) * 1000
        rate, was_rounded = round_rate(amount, name=f"{name}: {key}")
        rates[_TIERS.get(tier, tier), above][_KINDS[base]] = rate
        rounded += was_rounded
    # Zero is a price where the list says it, and no kind at all where it only lacks one.
    for key in ("input_cost_per_token", "output_cost_per_token"):
        if _is_nothing(entry.get(key)):
            rates["default", 0].setdefault(_KINDS[key], 0)
    left_out = [f"{name}: {', '.join(sorted(unknown))}"] if unknown else []
    return rates, left_out, rounded


def _is_nothing(amount: object) -> bool:
    return isinstance(amount, Decimal) and amount == 0


def match_names(
    public: PublicList, wanted: Iterable[tuple[str, tuple[str, ...]]]
) -> dict[str, str]:
    """Our ids to their names, for those of which a name of ours is in the list."""
    found: dict[str, str] = {}
    for model_id, names in wanted:
        theirs = next((name for name in names if name in public.entries), None)
        if theirs is not None:
            found[model_id] = theirs
    return found
