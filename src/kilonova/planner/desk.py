"""Answers questions for plans that come as JSON, from files of nobody: models by name only."""

from typing import Any

import msgspec

from kilonova.core.errors import InvalidRequest
from kilonova.core.forecast import Traffic
from kilonova.planner.shape import FindShape

__all__ = ["Forecaster"]

_TAKEN = ("rate", "input_tokens", "output_tokens", "cache_share", "hours")


class Forecaster:
    """Implements ``core.forecast.Forecast``."""

    def __init__(self, find_shape: FindShape) -> None:
        self._find_shape = find_shape

    def plan(self, question: bytes, traffic: Traffic | None) -> bytes:
        """``traffic`` fills what the workload leaves open."""
        # With NumPy it takes longer to import, and more memory, than a server that never plans has.
        from kilonova.planner.request import PlanRequest, answer

        try:
            asked: dict[str, Any] = msgspec.json.decode(question)
            if traffic is not None:
                metered = {name: getattr(traffic, name) for name in _TAKEN}
                asked["workload"] = {**metered, **asked["workload"]}
            request = msgspec.convert(asked, PlanRequest)
        except (msgspec.ValidationError, TypeError) as error:
            raise InvalidRequest(
                f"{error}. A plan needs a model, and a workload with rate, input_tokens and "
                "output_tokens.",
                reason="impossible_workload",
            ) from None
        return msgspec.json.encode(answer(request, self._find_shape))
