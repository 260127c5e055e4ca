"""Weights and tokenizer into one GGUF file that llama.cpp loads.

Matrices become Q8_0 or Q4_0 (32 weights share one scale), norms stay F32. The file appears under
its final name by an atomic rename, because other programs may be loading the previous one.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from structure import export_deepseek2
from structure.recipe import ModelRecipe
from structure.recipe_deepseek2 import Deepseek2Recipe, is_coarse
from structure.template import CHAT_TEMPLATE, CONTROL_TOKENS, END_OF_TEXT, TEXT_TOKENS, TURN_END
from structure.tokenizer import PRE_TOKENIZER

__all__ = ["Matrices", "export", "write_checksum"]

Quantisation = gguf.GGMLQuantizationType
Matrices = Literal["F32", "Q8_0", "Q4_0"]
_FILE_TYPES = {
    Quantisation.F32: gguf.LlamaFileType.ALL_F32,
    Quantisation.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Quantisation.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
}


def _add_shape(writer: gguf.GGUFWriter, recipe: ModelRecipe) -> None:
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


def _writer(recipe: ModelRecipe | Deepseek2Recipe, path: Path) -> gguf.GGUFWriter:
    """A writer that knows the shape."""
    match recipe:
        case ModelRecipe():
            writer = gguf.GGUFWriter(str(path), "qwen3")
            _add_shape(writer, recipe)
        case Deepseek2Recipe():
            writer = gguf.GGUFWriter(str(path), "deepseek2")
            export_deepseek2.add_shape(writer, recipe)
    writer.add_name(_title(recipe.name))
    return writer


def _title(name: str) -> str:
    """`kilonova.spark-v1:0` is called Kilonova Spark v1."""
    words = re.split(r"[.-]", name.partition(":")[0])
    return " ".join(word if re.fullmatch(r"v\d+", word) else word.title() for word in words)


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
    """The names of the file, without the modules that only group them here."""
    return re.sub(r"\.(attention|mlp)\.", ".", name)


def _format_of(name: str, array: NDArray[np.float32], matrices: Quantisation) -> Quantisation:
    """Matrices as chosen, the embedding never below Q8_0, norms, biases and router in full."""
    if is_coarse(name, array.ndim):
        return matrices
    is_fine = name.startswith("token_embd") and matrices != Quantisation.F32
    return Quantisation.Q8_0 if is_fine else Quantisation.F32


def _add_weights(
    writer: gguf.GGUFWriter, weights: Mapping[str, NDArray[np.float32]], matrices: Quantisation
) -> None:
    for name, array in weights.items():
        kind = _format_of(name, array, matrices)
        packed = gguf.quants.quantize(array, kind)
        writer.add_tensor(_gguf_name(name), packed, raw_dtype=kind)


def export(
    weights: Mapping[str, NDArray[np.float32]],
    recipe: ModelRecipe | Deepseek2Recipe,
    *,
    tokenizer_path: Path,
    path: Path,
    matrices: Matrices | None = None,
) -> None:
    """Write the file, matrices as the recipe says or as named, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".gguf.partial")
    kind = Quantisation.__members__[matrices or recipe.matrices]
    writer = _writer(recipe, unfinished)
    _add_tokenizer(writer, tokenizer_path, recipe.vocabulary)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(_FILE_TYPES[kind])
    _add_weights(writer, weights, kind)
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
