"""Shares of a test set with their uncertainty: so many right of so many, and the 95 % interval."""

import math

import msgspec

__all__ = ["Share", "wilson"]

_Z = 1.959964  # the two-sided 95 % quantile of the normal distribution


def wilson(right: int, of: int) -> tuple[float, float]:
    """The Wilson score interval of a share, as fractions; (0, 1) when nothing was asked.

    Unlike the plain normal interval it stays inside 0 to 1 and is honest near both ends.
    """
    if not 0 <= right <= of:
        raise ValueError(f"{right} right answers of {of} are impossible")
    if of == 0:
        return 0.0, 1.0
    share = right / of
    divisor = 1 + _Z**2 / of
    middle = (share + _Z**2 / (2 * of)) / divisor
    half = _Z * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2)) / divisor
    return max(0.0, middle - half), min(1.0, middle + half)


class Share(msgspec.Struct, frozen=True):
    """So many of so many."""

    right: int
    of: int

    @property
    def percent(self) -> float:
        """In percent."""
        return 100 * self.right / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, in percent."""
        low, high = wilson(self.right, self.of)
        return 100 * low, 100 * high
