"""A model as the planner sees it: how many weights, read when, and what a token leaves behind.

Made from the fields that a model's ``config.json`` publishes. Counts are of parameters and of cache
elements; bytes depend on the precision it is served in (``precision.py``).
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from kilonova.core.errors import InvalidRequest

__all__ = ["FindShape", "ModelShape", "shape_from_config"]


class ModelShape(Struct, frozen=True, kw_only=True):
    """Numbers of parameters are of the whole model; ``expert_params`` is one expert of every layer.

    ``dense_params`` are read for every token (attention, norms, shared experts, output head);
    ``embedding_params`` only occupy memory. ``cache_elements`` is what one token leaves in the
    cache of the layers that attend to everything, ``window_elements`` in those that attend to the
    last ``window_tokens``. ``cache_heads`` says over how many GPUs the cache can be split at most.
    ``attention_flops`` is the work of one new token on one cached token, both while decoding;
    ``prefill_attention_flops`` the same while the prompt is read. ``state_elements`` is what a
    sequence keeps whatever its length (linear attention).
    """

    name: str
    layers: int
    hidden: int
    dense_params: float
    embedding_params: float
    head_params: float
    experts: int = 0
    experts_per_token: int = 0
    moe_layers: int = 0
    expert_params: float = 0.0
    cache_elements: float = 0.0
    cache_heads: int = 1
    window_elements: float = 0.0
    window_tokens: int = 0
    state_elements: float = 0.0
    attention_flops: float = 0.0
    prefill_attention_flops: float = 0.0
    is_latent: bool = False
    context_tokens: int = 131_072
    source: str = ""
    date: str = ""

    @property
    def total_params(self) -> float:
        """Every parameter that has to be in memory."""
        return self.dense_params + self.embedding_params + self.experts * self.expert_params

    @property
    def active_params(self) -> float:
        """The parameters one token passes through."""
        return self.dense_params + self.experts_per_token * self.expert_params


# A model that is not in the tables, by the name that an installation has for it; None: not there.
FindShape = Callable[[str], ModelShape | None]

_MOST = 10**9  # of anything that a config counts
_LAYERS_MAX = 10_000


class _Attention(Struct, frozen=True):
    """One layer's attention: weights, cache elements a token, heads it splits over, two works."""

    params: float
    cache: float
    heads: int
    decode_flops: float
    prefill_flops: float


def shape_from_config(
    config: Mapping[str, Any], *, name: str, source: str = "", date: str = ""
) -> ModelShape:
    """The shape of the model that a ``config.json`` describes.

    Raises InvalidRequest (``unknown_model_shape``), naming the field that is missing.
    """
    inner = config.get("text_config", config)
    if not isinstance(inner, Mapping):
        raise _unusable("text_config")
    layers, hidden = _count(inner, "num_hidden_layers"), _count(inner, "hidden_size")
    vocabulary = _count(inner, "vocab_size")
    attention = _latent(inner, hidden) if "kv_lora_rank" in inner else _grouped(inner, hidden)
    linear_layers, linear_params, state = _linear(inner, hidden)
    window_layers = _window_layers(inner, layers)
    full_layers = layers - linear_layers - window_layers
    experts = _first(inner, "n_routed_experts", "num_experts", "num_local_experts")
    chosen = _first(inner, "num_experts_per_tok", "experts_per_token")
    if layers > _LAYERS_MAX or chosen > experts:
        raise _unusable("num_hidden_layers" if layers > _LAYERS_MAX else "num_experts_per_tok")
    moe_layers = layers - _first(inner, "first_k_dense_replace") if experts else 0
    expert_width = _first(inner, "moe_intermediate_size", "intermediate_size")
    feed_forward = (layers - moe_layers) * 3 * hidden * _count(inner, "intermediate_size")
    shared = _shared_width(inner, expert_width) * 3 * hidden * moe_layers
    router = hidden * experts * moe_layers
    head = float(hidden * vocabulary)
    is_tied = bool(config.get("tie_word_embeddings", inner.get("tie_word_embeddings", False)))
    return ModelShape(
        name=name,
        layers=layers,
        hidden=hidden,
        dense_params=attention.params * (layers - linear_layers)
        + linear_params * linear_layers
        + feed_forward
        + shared
        + router
        + head,
        embedding_params=0.0 if is_tied else head,
        head_params=head,
        experts=experts,
        experts_per_token=chosen if experts else 0,
        moe_layers=moe_layers,
        expert_params=3.0 * hidden * expert_width * moe_layers,
        cache_elements=attention.cache * full_layers,
        cache_heads=attention.heads,
        window_elements=attention.cache * window_layers,
        window_tokens=_first(inner, "sliding_window") if window_layers else 0,
        state_elements=state * linear_layers,
        attention_flops=attention.decode_flops * full_layers,
        prefill_attention_flops=attention.prefill_flops * full_layers,
        is_latent="kv_lora_rank" in inner,
        context_tokens=_first(inner, "max_position_embeddings") or 131_072,
        source=source,
        date=date,
    )


def _grouped(inner: Mapping[str, Any], hidden: int) -> _Attention:
    heads = _count(inner, "num_attention_heads")
    cached_heads = _first(inner, "num_key_value_heads") or heads
    width = _first(inner, "head_dim") or hidden // heads
    gate = heads * width if inner.get("attn_output_gate") else 0
    work = 4.0 * heads * width
    params = float(hidden * width * (2 * heads + 2 * cached_heads) + hidden * gate)
    return _Attention(params, 2.0 * cached_heads * width, cached_heads, work, work)


def _latent(inner: Mapping[str, Any], hidden: int) -> _Attention:
    """Multi-head latent attention: one compressed vector a token, the same on every GPU."""
    heads, latent = _count(inner, "num_attention_heads"), _count(inner, "kv_lora_rank")
    query, rope = _first(inner, "q_lora_rank"), _count(inner, "qk_rope_head_dim")
    plain, value = _count(inner, "qk_nope_head_dim"), _count(inner, "v_head_dim")
    to_query = (
        hidden * query + query * heads * (plain + rope)
        if query
        else hidden * heads * (plain + rope)
    )
    params = to_query + hidden * (latent + rope) + latent * heads * (plain + value)
    params += heads * value * hidden
    index_heads, index_width = _first(inner, "index_n_heads"), _first(inner, "index_head_dim")
    params += (query or hidden) * index_heads * index_width + hidden * index_width
    return _Attention(
        float(params),
        float(latent + rope + index_width),
        1,
        2.0 * heads * (2 * latent + rope),
        2.0 * heads * (plain + rope + value),
    )


def _linear(inner: Mapping[str, Any], hidden: int) -> tuple[int, float, float]:
    """Layers of linear attention, the weights of one, and the state of one."""
    layers = _kinds(inner).count("linear_attention")
    if not layers:
        return 0, 0.0, 0.0
    key = _count(inner, "linear_num_key_heads") * _count(inner, "linear_key_head_dim")
    value = _count(inner, "linear_num_value_heads") * _count(inner, "linear_value_head_dim")
    state = value * _count(inner, "linear_key_head_dim")
    return layers, float(hidden * (2 * key + 2 * value) + value * hidden), float(state)


def _window_layers(inner: Mapping[str, Any], layers: int) -> int:
    kinds = _kinds(inner)
    return kinds.count("sliding_attention") if len(kinds) == layers else 0


def _shared_width(inner: Mapping[str, Any], expert_width: int) -> int:
    return _first(inner, "shared_expert_intermediate_size") or (
        _first(inner, "n_shared_experts") * expert_width
    )


def _first(inner: Mapping[str, Any], *names: str) -> int:
    """The first of ``names`` that is there and not nil; 0 without one."""
    for name in names:
        value = inner.get(name)
        if value is None or value is False or value == 0:
            continue
        if value is True or not isinstance(value, int) or not 0 < value <= _MOST:
            raise _unusable(name)
        return value
    return 0


def _count(inner: Mapping[str, Any], name: str) -> int:
    found = _first(inner, name)
    if not found and name == "intermediate_size":
        found = _first(inner, "moe_intermediate_size")
    if not found:
        raise _unusable(name)
    return found


def _kinds(inner: Mapping[str, Any]) -> list[Any]:
    kinds = inner.get("layer_types") or []
    if not isinstance(kinds, list) or len(kinds) > _LAYERS_MAX:
        raise _unusable("layer_types")
    return kinds


def _unusable(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The model's config has no usable {name}: a positive whole number is needed.",
        param=name,
        reason="unknown_model_shape",
    )
