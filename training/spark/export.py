"""Weights and tokenizer into one GGUF file that llama.cpp loads as architecture `llama`.

Matrices become Q8_0 (32 weights share one scale), norms stay F32. The file appears under its final
name by an atomic rename, because other programs may be loading the previous one.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from spark.recipe import ModelRecipe
from spark.template import CHAT_TEMPLATE, CONTROL_TOKENS, END_OF_TEXT, TEXT_TOKENS, TURN_END
from spark.tokenizer import PRE_TOKENIZER

__all__ = ["export", "write_checksum"]

Quantisation = gguf.GGMLQuantizationType


def _add_shape(writer: gguf.GGUFWriter, recipe: ModelRecipe) -> None:
    writer.add_name("Kilonova Spark v1")
    writer.add_context_length(recipe.context_tokens)
    writer.add_embedding_length(recipe.width)
    writer.add_block_count(recipe.layers)
    writer.add_feed_forward_length(recipe.hidden)
    writer.add_head_count(recipe.heads)
    writer.add_head_count_kv(recipe.kv_heads)
    writer.add_key_length(recipe.head_width)
    writer.add_value_length(recipe.head_width)
    writer.add_layer_norm_rms_eps(recipe.norm_epsilon)
    writer.add_rope_freq_base(recipe.rope_base)
    writer.add_rope_dimension_count(recipe.head_width)
    writer.add_vocab_size(recipe.vocabulary)


def _token_type(token: str) -> gguf.TokenType:
    if token in CONTROL_TOKENS:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.USER_DEFINED if token in TEXT_TOKENS else gguf.TokenType.NORMAL


def _merge_text(merge: str | list[str]) -> str:
    """Newer tokenizer files store pairs where llama.cpp wants "a b"."""
    return merge if isinstance(merge, str) else " ".join(merge)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer_path: Path, size: int) -> None:
    saved = json.loads(tokenizer_path.read_text(encoding="utf-8"))
    ids: dict[str, int] = saved["model"]["vocab"]
    tokens = sorted(ids, key=ids.__getitem__)
    if len(tokens) != size:
        raise ValueError(f"the tokenizer has {len(tokens)} entries, the recipe says {size}")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types([_token_type(token) for token in tokens])
    writer.add_token_merges([_merge_text(merge) for merge in saved["model"]["merges"]])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[TURN_END])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _gguf_name(name: str) -> str:
    return name.replace(".attention.", ".")


def _add_weights(writer: gguf.GGUFWriter, weights: Mapping[str, NDArray[np.float32]]) -> None:
    for name, array in weights.items():
        if array.ndim < 2:
            writer.add_tensor(_gguf_name(name), array)
            continue
        packed = gguf.quants.quantize(array, Quantisation.Q8_0)
        writer.add_tensor(_gguf_name(name), packed, raw_dtype=Quantisation.Q8_0)


def export(
    weights: Mapping[str, NDArray[np.float32]],
    recipe: ModelRecipe,
    *,
    tokenizer_path: Path,
    path: Path,
) -> None:
    """Write the file, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".gguf.partial")
    writer = gguf.GGUFWriter(str(unfinished), "llama")
    _add_shape(writer, recipe)
    _add_tokenizer(writer, tokenizer_path, recipe.vocabulary)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    _add_weights(writer, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(path)
    write_checksum(path)


def write_checksum(path: Path) -> None:
    """`<hex>  <name>` beside the file, as `sha256sum` prints it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    partial = path.with_suffix(".sha256.partial")
    partial.write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    partial.replace(path.with_suffix(".sha256"))
