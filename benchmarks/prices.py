"""What the price book costs: CPU of one quote, by what it has to look at; and of reading a list.

``python -m benchmarks.prices [PUBLIC_LIST]``. The best of many short rounds, since whatever else
runs on the machine can only add. With the public list (JSON) also: reading all of it, and turning
every model in it that is sold by the token into a price book.
"""

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kilonova.billing.prices.book import Book
from kilonova.billing.prices.form import SourceForm, bind, parse_list
from kilonova.billing.prices.public_list import PublicList, read_public_list
from kilonova.billing.prices.writing import merge, render
from kilonova.core.model import Model
from kilonova.core.ports import Purchase

_ROUNDS = 200
_QUOTES = 500
_MINUTE_MS = 60_000
_NOW_MS = 1_795_392_000_000
_MODEL = Model(id="m", name="m", provider="p", engine="e")
_LIST = b"""
version = "bench"
currency = "USD"
unit = "1M tokens"
[windows.peak]
zone = "Europe/Paris"
days = ["mon", "tue", "wed", "thu", "fri"]
hours = ["01:00-04:00", "06:00-10:00"]
except = [2026-12-25]
[[rows]]
model = "m"
during = "peak"
input = "0.30"
output = "1.20"
[[rows]]
model = "m"
outside = ["peak"]
input = "0.15"
output = "0.60"
[[rows]]
model = "m"
above_input_tokens = 200000
tier = "flex"
input = "0.15"
output = "0.60"
[[rows]]
model = "m"
tier = "flex"
input = "0.10"
output = "0.40"
[[discounts]]
organisation = "org_1"
percent = "12.5"
"""


def _purchase(at_ms: int = _NOW_MS, *, tier: str = "default", by: str = "org_2") -> Purchase:
    return Purchase(
        model=_MODEL, organisation_id=by, service_tier=tier, input_tokens=300_000, at_ms=at_ms
    )


def _round_us(book: Book, purchases: list[Purchase]) -> float:
    start_s = time.thread_time()
    for purchase in purchases:
        book.find(purchase)
    return (time.thread_time() - start_s) / len(purchases) * 1e6


def _cases() -> dict[str, list[Purchase]]:
    return {
        "default tier, peak and off-peak": [_purchase()] * _QUOTES,
        "a tier with a threshold": [_purchase(tier="flex")] * _QUOTES,
        "an organisation with a discount": [_purchase(by="org_1")] * _QUOTES,
        "a tier that is not on sale": [_purchase(tier="priority")] * _QUOTES,
        "each in another minute, so that nothing is kept": [
            _purchase(_NOW_MS + minute * _MINUTE_MS) for minute in range(_QUOTES)
        ],
    }


def _show(name: str, value: str) -> None:
    sys.stdout.write(f"| {name} | {value} |\n")


def _timed_s(work: Callable[[], object]) -> str:
    start_s = time.thread_time()
    work()
    return f"{time.thread_time() - start_s:.2f} s"


def _measure_list(path: Path) -> None:
    content = path.read_bytes()
    public = read_public_list(content, where=path.name)
    _show(
        f"the public list, {len(public.entries)} models",
        _timed_s(lambda: read_public_list(content, where=path.name)),
    )
    written = _written(public)
    rows = bind(parse_list(written, where="bench"), where="bench").rows
    _show(
        f"a price list of {len(rows)} rows, {len(written):,} bytes",
        _timed_s(lambda: bind(parse_list(written, where="bench"), where="bench")),
    )


def _written(public: PublicList) -> bytes:
    providers = {str(entry.get("litellm_provider")) for entry in public.entries.values()}
    names = {name: name for each in sorted(providers) for name in public.of_provider(each)}
    rows = public.rows(names, source="bench").rows
    source = SourceForm(name="bench", file="list.json", sha256="00", date="2026-11-23")
    return render(merge(None, rows, source, version="bench"))


def _main() -> None:
    write = sys.stdout.write
    write(f"{platform.platform()}, Python {platform.python_version()}, ")
    write(f"{time.strftime('%Y-%m-%d')}\n\n| case | CPU |\n|---|---|\n")
    book = bind(parse_list(_LIST, where="bench"), where="bench")
    for name, purchases in _cases().items():
        best_us = min(_round_us(book, purchases) for _ in range(_ROUNDS))
        _show(f"a quote: {name}", f"{best_us:.1f} µs")
    for path in sys.argv[1:]:
        _measure_list(Path(path))


if __name__ == "__main__":
    _main()
