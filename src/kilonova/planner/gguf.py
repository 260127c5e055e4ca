"""A model's shape from the header of a GGUF file: its own words for what a config.json says."""

from collections.abc import Mapping

from kilonova.planner.shape import ModelShape, shape_from_config

__all__ = ["shape_from_gguf"]

# Keys under the architecture's name; the reader of the file adds the last two.
_FIELDS = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "context_length": "max_position_embeddings",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_count": "n_shared_experts",
    "leading_dense_block_count": "first_k_dense_replace",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.value_length_mla": "v_head_dim",
    "vocab_size": "vocab_size",
    "tie_word_embeddings": "tie_word_embeddings",
}


def shape_from_gguf(sizes: Mapping[str, int], *, name: str, source: str) -> ModelShape:
    """``sizes`` are the whole numbers of the header, without the architecture before their names.

    Raises InvalidRequest (``unknown_model_shape``), naming the field that is missing.
    """
    config: dict[str, int | bool] = {
        field: sizes[key] for key, field in _FIELDS.items() if key in sizes
    }
    config["tie_word_embeddings"] = bool(sizes.get("tie_word_embeddings"))
    if "attention.kv_lora_rank" in sizes:
        rope = sizes.get("rope.dimension_count", 0)
        config["qk_rope_head_dim"] = rope
        config["qk_nope_head_dim"] = sizes.get("attention.key_length_mla", 0) - rope
    return shape_from_config(config, name=name, source=source)
