"""The keys that a `deepseek2` file has for its shape.

In the file, attention has one key head (the latent with the rotated key) and the value is the
latent; the widths of the multiplied-out heads stand under `_mla`.
"""

import gguf

from structure.recipe_deepseek2 import Deepseek2Recipe

__all__ = ["add_shape"]


def add_shape(writer: gguf.GGUFWriter, recipe: Deepseek2Recipe) -> None:
    """Every size that the engine needs to build the network."""
    _add_stream(writer, recipe)
    _add_attention(writer, recipe)
    _add_experts(writer, recipe)


def _add_stream(writer: gguf.GGUFWriter, recipe: Deepseek2Recipe) -> None:
    writer.add_context_length(recipe.context_tokens)
    writer.add_embedding_length(recipe.width)
    writer.add_block_count(recipe.layers)
    writer.add_feed_forward_length(recipe.hidden)
    writer.add_layer_norm_rms_eps(recipe.norm_epsilon)
    writer.add_vocab_size(recipe.vocabulary)


def _add_attention(writer: gguf.GGUFWriter, recipe: Deepseek2Recipe) -> None:
    writer.add_head_count(recipe.heads)
    writer.add_head_count_kv(1)
    writer.add_q_lora_rank(recipe.query_rank)
    writer.add_kv_lora_rank(recipe.latent_rank)
    writer.add_key_length(recipe.latent_rank + recipe.rope_width)
    writer.add_value_length(recipe.latent_rank)
    writer.add_key_length_mla(recipe.head_width)
    writer.add_value_length_mla(recipe.value_width)
    writer.add_rope_freq_base(recipe.rope_base)
    writer.add_rope_dimension_count(recipe.rope_width)


def _add_experts(writer: gguf.GGUFWriter, recipe: Deepseek2Recipe) -> None:
    writer.add_leading_dense_block_count(recipe.dense_layers)
    writer.add_expert_count(recipe.experts)
    writer.add_expert_used_count(recipe.experts_used)
    writer.add_expert_shared_count(recipe.experts_shared)
    writer.add_expert_feed_forward_length(recipe.expert_hidden)
    writer.add_expert_weights_scale(recipe.expert_scale)
    writer.add_expert_weights_norm(True)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
