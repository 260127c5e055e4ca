"""Shapes of models against what their makers publish."""

import msgspec
import pytest

from kilonova.core.errors import InvalidRequest
from kilonova.planner.gguf import shape_from_gguf
from kilonova.planner.shape import shape_from_config
from planner_samples import TABLES

BILLION = 1e9


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [
        ("deepseek-r1", 671, 37),
        ("llama-3.1-8b", 8.03, 7.5),
        ("llama-3.1-70b", 70.6, 69.5),
        ("llama-3.1-405b", 405.9, 403.8),
        ("qwen3-32b", 32.8, 32.0),
        ("qwen3-235b-a22b", 235, 21.6),
        ("qwen3.5-397b-a17b", 397, 16.4),
        ("gpt-oss-120b", 116.8, 5.1),
        ("minimax-m2.5", 229, 10.4),
        ("glm-5", 744, 40.8),
    ],
)
def test_parameters_are_those_that_the_makers_publish(
    name: str, total: float, active: float
) -> None:
    """Protects memory and time: a count that is off moves both."""
    shape = TABLES.models[name]
    assert shape.total_params / BILLION == pytest.approx(total, rel=0.01)
    assert shape.active_params / BILLION == pytest.approx(active, rel=0.02)


def test_a_latent_cache_is_one_small_vector_a_layer() -> None:
    """Protects the context that fits: 576 elements a layer and token, not twice all heads."""
    assert TABLES.models["deepseek-r1"].cache_elements == 61 * 576
    assert TABLES.models["llama-3.1-70b"].cache_elements == 80 * 2 * 8 * 128


def test_layers_with_a_window_stop_growing() -> None:
    """Protects models that attend to the last tokens only in half of their layers."""
    shape = TABLES.models["gpt-oss-120b"]
    assert shape.window_elements == shape.cache_elements == 18 * 2 * 8 * 64
    assert shape.window_tokens == 128


def test_linear_layers_keep_a_state_and_no_cache() -> None:
    """Protects hybrid models: three layers of four keep the same whatever the context."""
    shape = TABLES.models["qwen3.5-397b-a17b"]
    assert shape.cache_elements == 15 * 2 * 2 * 256
    assert shape.state_elements == 45 * 64 * 128 * 128


def test_a_field_that_is_missing_is_named() -> None:
    """Protects who brings an own config.json."""
    with pytest.raises(InvalidRequest, match="num_hidden_layers") as caught:
        shape_from_config({"hidden_size": 64}, name="own")
    assert caught.value.reason == "unknown_model_shape"


@pytest.mark.parametrize("value", [0, -1, "many", 3.5, None, True, [], 10**400])
def test_a_field_that_makes_no_sense_is_named(value: object) -> None:
    """Protects the formulas from a config.json that is not one."""
    with pytest.raises(InvalidRequest, match="hidden_size"):
        shape_from_config({"num_hidden_layers": 2, "hidden_size": value}, name="own")


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer_types": 7},
        {"layer_types": ["linear_attention"]},
        {"num_experts": 4, "num_experts_per_tok": 9},
        {"num_hidden_layers": 10**8},
        {"kv_lora_rank": 512},
        {"text_config": [1]},
        {"sliding_window": "wide", "layer_types": ["sliding_attention", "full_attention"]},
    ],
)
def test_configs_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    """Protects from a plan for a model that cannot exist."""
    config = {
        "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4,
        "intermediate_size": 128, "vocab_size": 1000,
    }  # fmt: skip
    with pytest.raises(InvalidRequest) as caught:
        shape_from_config({**config, **wrong}, name="own")
    assert caught.value.reason == "unknown_model_shape"


def test_a_gguf_header_says_what_its_config_says() -> None:
    """Protects files of llama.cpp: the same shape, grouped heads, experts and latent attention."""
    grouped = {
        "block_count": 32, "embedding_length": 4096, "feed_forward_length": 14336,
        "attention.head_count": 32, "attention.head_count_kv": 8, "vocab_size": 128256,
        "context_length": 131072,
    }  # fmt: skip
    same = shape_from_gguf(grouped, name="llama-3.1-8b", source="a file")
    known = TABLES.models["llama-3.1-8b"]
    assert msgspec.structs.replace(known, source="a file", date="") == same
    latent = {
        "block_count": 61, "embedding_length": 7168, "feed_forward_length": 18432,
        "attention.head_count": 128, "attention.head_count_kv": 1, "vocab_size": 129280,
        "context_length": 163840, "expert_count": 256, "expert_used_count": 8,
        "expert_feed_forward_length": 2048, "expert_shared_count": 1,
        "leading_dense_block_count": 3, "attention.q_lora_rank": 1536,
        "attention.kv_lora_rank": 512, "attention.key_length_mla": 192,
        "attention.value_length_mla": 128, "rope.dimension_count": 64,
    }  # fmt: skip
    same = shape_from_gguf(latent, name="deepseek-r1", source="a file")
    assert msgspec.structs.replace(TABLES.models["deepseek-r1"], source="a file", date="") == same
    tied = shape_from_gguf({**grouped, "tie_word_embeddings": 1}, name="a", source="b")
    assert tied.embedding_params == 0
    with pytest.raises(InvalidRequest, match="num_hidden_layers"):
        shape_from_gguf({"embedding_length": 8}, name="a", source="b")
