"""The fitted constants of the step times: what they mean; ``facts/constants.toml`` has them."""

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["Constants", "Fit", "Miss", "undisturbed"]


class Constants(Struct, frozen=True, kw_only=True):
    """Shares and factors are without unit; overheads are in microseconds (``_us``).

    Tuples are by engine, in the order of ``columns.ENGINES``.

    ``weights_share`` and ``cache_share`` of the memory bandwidth are reached; the former times
    ``unpack`` where weights are narrower than what the chip multiplies. ``matrix_share`` of the
    peak in sixteen bits is reached while prompts are read; times ``narrow`` for each halving of the
    width, times ``routed`` in experts, times ``decoding`` in decode steps, times
    ``blackwell_matrix`` on that generation. ``link_share`` of the link is reached. ``layer_us``,
    ``moe_us`` and ``latent_us`` are spent on every layer (of its kind) whatever it does, times
    ``blackwell_start``; ``reduce_us`` on every all-reduce, ``step_us`` on every step,
    ``sequence_us`` on every running sequence. ``imbalance`` is the extra work of the fullest expert
    group, ``variety`` how freely tokens choose experts. While a prompt is read, a share of the
    others' steps waits (``interference``); a new request waits for a share of the other prompts
    (``queue``, or ``alike_queue`` if all requests have one length), and for ``first_us``,
    ``first_layer_us``, ``first_moe_us`` and ``first_steps`` in any case.
    """

    weights_share: float
    cache_share: float
    unpack: float
    matrix_share: float
    narrow: float
    routed: float
    decoding: float
    blackwell_matrix: float
    link_share: float
    layer_us: tuple[float, float, float]
    moe_us: float
    latent_us: float
    blackwell_start: float
    reduce_us: float
    step_us: float
    sequence_us: tuple[float, float, float]
    imbalance: float
    variety: float
    interference: tuple[float, float, float]
    queue: tuple[float, float, float]
    alike_queue: tuple[float, float, float]
    first_us: tuple[float, float, float]
    first_layer_us: tuple[float, float, float]
    first_moe_us: tuple[float, float, float]
    first_steps: float


def undisturbed(constants: Constants) -> Constants:
    """The same where no prompt is read beside the steps, and none waits for another."""
    none = (0.0, 0.0, 0.0)
    return replace(constants, interference=none, queue=none, alike_queue=none)


class Miss(Struct, frozen=True, kw_only=True):
    """How wrong the fit was on model families that it had not seen: shares of the measured value.

    ``low`` and ``high`` are the tenth and ninetieth percentile of measured / predicted.
    """

    median: float
    low: float
    high: float


class Fit(Struct, frozen=True, kw_only=True):
    """Constants with their origin, and their measured error for each kind of prediction."""

    date: str
    source: str
    constants: Constants
    token: Miss
    first: Miss
    throughput: Miss
