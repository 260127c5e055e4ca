"""Numbers between two bounds as grammar expressions: the digits that may follow each other."""

import math

__all__ = ["decimal_rule", "integer_rule"]

_DIGITS_MAX = 15
_LARGEST = 10**_DIGITS_MAX - 1
_DECIMALS = (0, 1, 2)
_DECIMALS_MAX = 6


def integer_rule(low: float, high: float) -> str | None:
    """All whole numbers from ``low`` to ``high``; None where there is none."""
    return _scaled_rule(math.ceil(max(low, -_LARGEST)), math.floor(min(high, _LARGEST)), 0)


def decimal_rule(low: float, high: float) -> str | None:
    """Numbers of up to two decimals in the range, of more where the range is narrow."""
    low, high = max(low, -_LARGEST), min(high, _LARGEST)
    rules: list[str] = []
    for decimals in range(_DECIMALS_MAX + 1):
        if decimals not in _DECIMALS and rules:
            break
        scale = 10**decimals
        rule = _scaled_rule(math.ceil(low * scale), math.floor(high * scale), decimals)
        if rule is not None:
            rules.append(rule)
    return " | ".join(rules) or None


def _scaled_rule(low: int, high: int, decimals: int) -> str | None:
    rules: list[str] = []
    if low < 0:
        rules += [f'"-" {rule}' for rule in _positive(max(1, -high), -low, decimals)]
    if high >= 0:
        rules += _positive(max(0, low), high, decimals)
    return " | ".join(rules) or None


def _positive(low: int, high: int, decimals: int) -> list[str]:
    """One expression for each number of digits: those of one length compare digit by digit."""
    if low > high:
        return []
    rules: list[str] = []
    for length in range(decimals + 1, max(len(str(high)), decimals + 1) + 1):
        smallest = 0 if length == decimals + 1 else 10 ** (length - 1)
        first, last = max(low, smallest), min(high, 10**length - 1)
        if first <= last:
            digits = _between(str(first).zfill(length), str(last).zfill(length), length - decimals)
            rules.append(digits)
    return rules


def _between(first: str, last: str, point: int) -> str:
    """Digits from ``first`` to ``last``, of equal length, with a point after ``point`` digits."""
    if not first:
        return '""'
    dot = '"." ' if point == 0 else ""
    if set(first) == {"0"} and set(last) == {"9"}:
        return _any_digits(len(first), point)
    rest, low, high = len(first) - 1, int(first[0]), int(last[0])
    if low == high:
        return f'{dot}"{low}" {_between(first[1:], last[1:], point - 1)}'
    branches = [f'"{low}" {_between(first[1:], "9" * rest, point - 1)}']
    if high - low > 1:
        branches.append(f"[{low + 1}-{high - 1}] {_any_digits(rest, point - 1)}")
    branches.append(f'"{high}" {_between("0" * rest, last[1:], point - 1)}')
    return f"{dot}({' | '.join(branches)})"


def _any_digits(count: int, point: int) -> str:
    if 0 < point < count:
        return f'[0-9]{{{point}}} "." [0-9]{{{count - point}}}'
    if not count:
        return '""'
    return ('"." ' if point == 0 else "") + f"[0-9]{{{count}}}"
