"""The lists of the simulated month: every thing that a price can depend on."""

__all__ = ["COSTS", "november"]

_HEAD = """
version = "{version}"
currency = "USD"
unit = "1M tokens"

[windows.peak]
zone = "Europe/Paris"
days = ["mon", "tue", "wed", "thu", "fri"]
hours = ["08:00-20:00"]
except = [2026-11-11]
"""
# Model, what decides, and the rates of input, cache read, write, long write, output, reasoning.
_ROWS = (
    ("small", 'during = "peak"', "3.07 0.31 3.841 6.13 15.013 17.301"),
    ("small", 'outside = ["peak"]', "1.53 0.151 1.917 3.07 7.507 8.651"),
    ("small", 'tier = "priority"', "5.37 0.543 6.713 10.73 26.271 30.277"),
    ("large", "until = 2026-11-15", "7.77 0.777 9.713 15.541 38.887 41.111"),
    ("large", "from = 2026-11-15", "6.66 0.667 8.327 13.321 33.337 35.553"),
    ("large", "above_input_tokens = 30", "9.99 0.999 12.487 19.981 49.999 51.117"),
    ("large", 'tier = "flex"', "3.33 0.333 4.163 6.661 16.667 17.777"),
    ("vendor", "", "0.601 0.061 0.751 1.201 2.411 2.411"),
    ("unknown", "", "0.501 0.051 0.627 1.003 2.003 2.003"),
    ("seasonal", "from = 2026-11-10\nuntil = 2026-12-01", "1.117 0.113 1.397 2.237 4.471 4.471"),
)
_RAISED = {"small": "11.1"}
_KINDS = ("input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning")

COSTS = """
version = "vendor"
currency = "USD"
unit = "1M tokens"

[[rows]]
model = "month.vendor"
input = "0.4003"
cache_read = "0.0417"
output = "1.6009"
"""


def november(*, version: str = "2026-11", discount: str = "", raised: bool = False) -> str:
    """The list; ``discount`` is an organisation that gets an eighth off, and more off one model."""
    parts = [_HEAD.format(version=version)]
    for model, what, rates in _ROWS:
        figures = rates.split()
        if raised and model in _RAISED:
            figures[0] = _RAISED[model]
        lines = [f'{kind} = "{rate}"' for kind, rate in zip(_KINDS, figures, strict=True)]
        parts.append("\n".join(["[[rows]]", f'model = "month.{model}"', what, *lines]))
    parts.append('[[rows]]\nmodel = "month.gift"\nfree = true')
    if discount:
        head = f'[[discounts]]\norganisation = "{discount}"\n'
        parts.append(head + 'percent = "12.5"')
        parts.append(head + 'percent = "33.3"\nmodels = ["month.large"]')
    return "\n\n".join(parts)
