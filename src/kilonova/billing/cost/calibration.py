"""``calibration.json`` in the home: what a token takes on this machine, as ``kilonova calibrate``
measured it. The planner and the meter read it; docs/reference/calibration.md describes it.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from kilonova.gateway.work import Weights
from kilonova.settings import SettingsError

__all__ = ["FORMAT", "Calibration", "Fit", "Measured", "read_calibration", "weights_of"]

FORMAT = 1
_PS_PER_NS = 1000


class Fit(Struct, frozen=True, kw_only=True):
    """How well a straight line tells the times: ``r2`` is the share of their variance that it
    explains; ``residual_ns`` is the root of the mean square of what is left, of ``samples``."""

    samples: int
    r2: float
    residual_ns: float


class Measured(Struct, frozen=True, kw_only=True):
    """One model on its engine. Nanoseconds: ``prefill_ns`` for a token read and ``prefill_more_ns``
    times the square of a prompt's length; ``decode_ns`` for a token written when nothing else runs,
    ``context_ns`` for each token of context of a token written. ``start_ns`` is what a request
    takes beside its tokens.

    ``steps_ns[i]`` is one step of ``beside[i]`` answers together; ``parallel`` is by what share the
    step of two is longer than that of one. ``spread`` is the half width of the middle half of times
    that should be alike, ``off`` the usual error of what the figures say, both as shares. Files of
    earlier releases have neither these nor ``steps_ns``."""

    engine: str
    engine_model: str
    prefill_ns: float
    decode_ns: float
    context_ns: float
    start_ns: float
    parallel: float
    step_tokens: int
    prefill_fit: Fit
    decode_fit: Fit
    prefill_more_ns: float = 0.0
    beside: tuple[int, ...] = ()
    steps_ns: tuple[float, ...] = ()
    rounds: int = 0
    spread: float = 0.0
    off: float = 0.0

    @property
    def weights(self) -> Weights:
        """As the meter counts, for a prompt that fills a step; each is at least a picosecond."""
        read_ns = self.prefill_ns + self.prefill_more_ns * self.step_tokens
        return Weights(
            read=max(1, round(read_ns * _PS_PER_NS)),
            write=max(1, round(self.decode_ns * _PS_PER_NS)),
            context=max(0, round(self.context_ns * _PS_PER_NS)),
            step_tokens=self.step_tokens,
        )


class Calibration(Struct, frozen=True, kw_only=True):
    """The file. ``models`` are by the id under which they are sold; ``made_at`` is in UTC.

    ``versions`` are those of Kilonova, Python and the engine."""

    format: int
    made_at: str
    versions: dict[str, str]
    machine: str
    processors: int
    models: dict[str, Measured]


def read_calibration(path: Path) -> Calibration | None:
    """None where there is no file. Raises SettingsError for one that cannot be understood."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        read = msgspec.json.decode(content, type=Calibration)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{path.name}: {error}. Make it anew: kilonova calibrate") from None
    if read.format != FORMAT:
        raise SettingsError(
            f"{path.name}: its format is {read.format}, and this release reads {FORMAT}. Make it "
            "anew: kilonova calibrate"
        )
    return read


def weights_of(calibration: Calibration | None) -> dict[str, Weights]:
    """By model id; empty where nothing was measured."""
    if calibration is None:
        return {}
    return {name: measured.weights for name, measured in calibration.models.items()}
