"""A tiny random encoder for tests: a real BERT in a GGUF file, without sense."""

from pathlib import Path
from typing import Literal

import gguf
import numpy as np

__all__ = ["write_tiny_encoder"]

_WIDTH, _LAYERS, _HIDDEN = 32, 2, 64
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = ("the", "cat", "and", "dog", "one", "two", "three", "text", "number", "of")
_POOLING = {"mean": gguf.PoolingType.MEAN, "cls": gguf.PoolingType.CLS}


def write_tiny_encoder(
    path: Path, *, pooling: Literal["mean", "cls"] = "mean", context_tokens: int = 64
) -> Path:
    """Write the model and return where it is."""
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name("tiny encoder")
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(_POOLING[pooling])
    tokens = _add_tokenizer(writer)
    _add_tensors(writer, tokens, context_tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter) -> int:
    """Word pieces as llama.cpp keeps them: a mark begins words, and no mark continues them."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = [*_SPECIAL, *(f"▁{one}" for one in (*letters, *_WORDS)), *letters]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(_SPECIAL) + [1] * (len(tokens) - len(_SPECIAL)))
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_sep_token_id(3)
    writer.add_mask_token_id(4)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(3)
    return len(tokens)


def _add_tensors(writer: gguf.GGUFWriter, tokens: int, context_tokens: int) -> None:
    random = np.random.default_rng(11)

    def matrix(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(_WIDTH, np.float32))

    def dense(name: str, width: int, height: int) -> None:
        matrix(f"{name}.weight", height, width)
        matrix(f"{name}.bias", height)

    matrix("token_embd.weight", tokens, _WIDTH)
    matrix("position_embd.weight", context_tokens, _WIDTH)
    matrix("token_types.weight", 2, _WIDTH)
    norm("token_embd_norm")
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            dense(f"{block}.{part}", _WIDTH, _WIDTH)
        norm(f"{block}.attn_output_norm")
        dense(f"{block}.ffn_up", _WIDTH, _HIDDEN)
        dense(f"{block}.ffn_down", _HIDDEN, _WIDTH)
        norm(f"{block}.layer_output_norm")
