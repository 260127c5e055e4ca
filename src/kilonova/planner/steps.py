"""How long one step takes: reading weights and cache, multiplying, talking to neighbours, starting.

A step decodes one token for every running sequence, or reads prompts. All arguments and results are
arrays of shape (n,) or broadcast to it; times are in seconds. The form is a roofline (Williams et
al. 2009) with the experts that a batch hits (E·(1−(1−k/E)^B)), two all-reduces a layer, and fixed
costs for every layer, step and sequence.
"""

import numpy as np

from kilonova.planner.columns import Array, Columns
from kilonova.planner.constants import Constants

__all__ = ["cache_bytes", "decode_s", "experts_hit", "prefill_s"]

_US = 1e-6
_DEALT_BYTES = 3


def experts_hit(columns: Columns, tokens: Array) -> Array:
    """How many different experts ``tokens`` tokens reach in a layer, if they choose at random."""
    share = np.divide(
        columns.experts_per_token,
        columns.experts,
        out=np.zeros_like(columns.experts),
        where=columns.experts > 0,
    )
    return np.asarray(columns.experts * (1.0 - (1.0 - share) ** tokens))


def cache_bytes(columns: Columns, context: Array) -> Array:
    """What one sequence of ``context`` tokens keeps, in bytes, on all its chips together."""
    windowed = np.minimum(context, columns.window_tokens) * columns.window_bytes
    return context * columns.cache_bytes + windowed + columns.state_bytes


def decode_s(columns: Columns, constants: Constants, *, batch: Array, context: Array) -> Array:
    """One token for each of ``batch`` sequences (of the replica) with ``context`` tokens each."""
    own = batch / columns.copies
    crowding = 1.0 + constants.imbalance * (1.0 - 1.0 / columns.expert_groups)
    experts = (
        columns.expert_bytes
        * experts_hit(columns, batch * constants.variety)
        * crowding
        / columns.chips
    )
    read = columns.dense_bytes / columns.tensor + experts
    reading = columns.bandwidth * constants.weights_share * constants.unpack**columns.unpacks
    dense = 2 * columns.dense_params * batch / _dense_rate(columns, constants)
    routed = 2 * columns.expert_params * columns.experts_per_token * batch * crowding
    multiply = (dense + routed / _routed_rate(columns, constants)) / constants.decoding
    cached = own * cache_bytes(columns, context) / columns.cache_shards
    cache = cached / (columns.bandwidth * constants.cache_share)
    attend = batch * context * columns.attention_flops / _dense_rate(columns, constants)
    within = (
        _softly_larger(read / reading, multiply)
        + _softly_larger(cache, attend / constants.decoding)
        + _exchange_s(columns, constants, own)
        + _start_s(columns, constants)
        + own * _US * np.asarray(constants.sequence_us)[columns.engine]
    )
    return _softly_larger(within, batch * _dealt_s(columns, columns.experts_per_token))


def prefill_s(columns: Columns, constants: Constants, *, tokens: Array) -> Array:
    """Reading one prompt of ``tokens`` tokens that are not cached, as a part of larger batches.

    Without the fixed cost of a step: this is what a prompt takes away from the replica.
    """
    attend = tokens * columns.prefill_attention_flops / 2
    dense = 2 * (columns.dense_params - columns.head_params) + attend
    routed = 2 * columns.expert_params * columns.experts_per_token
    multiply = dense / _dense_rate(columns, constants) + routed / _routed_rate(columns, constants)
    moved = 4 * columns.layers * columns.hidden * 2 / columns.copies
    talk = np.where(columns.chips > 1, moved / (columns.link * constants.link_share), 0.0)
    # A token goes once to each island that it needs, and is passed on there.
    islands = columns.islands * (1 - (1 - 1 / columns.islands) ** columns.experts_per_token)
    return tokens * _softly_larger(multiply + talk, _dealt_s(columns, islands))


def _dealt_s(columns: Columns, copies: Array) -> Array:
    """What one token takes of all cards, if it is sent to ``copies`` places dealt over the islands.

    One byte an element goes, two come back. While half of a batch is under way the other half is
    worked on, so this hides behind the rest, or the rest behind it.
    """
    away = 1 - 1 / columns.islands
    moved = columns.moe_layers * copies * away * columns.hidden * _DEALT_BYTES
    cards = columns.network * columns.chips
    return np.divide(moved, cards, out=np.zeros_like(moved), where=columns.islands > 1)


def _dense_rate(columns: Columns, constants: Constants) -> Array:
    """Flops a second of the whole replica, as reached while prompts are read."""
    faster = np.where(columns.generation == 1, constants.blackwell_matrix, 1.0)
    share = constants.matrix_share * constants.narrow**columns.dense_narrowing * faster
    return columns.dense_flops * columns.chips * share


def _routed_rate(columns: Columns, constants: Constants) -> Array:
    faster = np.where(columns.generation == 1, constants.blackwell_matrix, 1.0)
    share = constants.matrix_share * constants.narrow**columns.narrowing * faster
    return columns.flops * columns.chips * share * constants.routed


def _softly_larger(one: Array, other: Array) -> Array:
    """Between the larger and the sum: neither overlaps perfectly (the cubic mean of both)."""
    return np.asarray(np.cbrt(one**3 + other**3))


def _exchange_s(columns: Columns, constants: Constants, own: Array) -> Array:
    """Two all-reduces a layer, each with a delay and a volume; none on one chip."""
    moved = 4 * columns.layers * own * columns.hidden * 2
    volume = moved / (columns.link * constants.link_share)
    rounds = np.log2(columns.chips) / 2  # 1 on four chips, which is what the constant is for
    delay = 2 * columns.layers * constants.reduce_us * _US * rounds
    return np.where(columns.chips > 1, volume + delay, 0.0)


def _start_s(columns: Columns, constants: Constants) -> Array:
    layer = columns.layers * np.asarray(constants.layer_us)[columns.engine]
    layer = layer + columns.moe_layers * constants.moe_us
    layer = layer + columns.layers * columns.latent * constants.latent_us
    faster = np.where(columns.generation == 1, constants.blackwell_start, 1.0)
    return np.asarray(_US * (layer * faster + constants.step_us))
