"""A second, independent forward pass: plain NumPy over the shipped GGUF, nothing of torch.

It exists to prove that the file means what we think it means. It is slow and has no cache.
"""

from pathlib import Path

import gguf
import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Reference", "load_reference"]

Floats = NDArray[np.float32]


class Reference(msgspec.Struct, frozen=True):
    """The dequantised weights with the shape read from the file."""

    weights: dict[str, Floats]
    layers: int
    heads: int
    kv_heads: int
    rope_base: float
    norm_epsilon: float

    def log_probabilities(self, tokens: list[int]) -> Floats:
        """Log-probabilities of the token after the last one."""
        x = self.weights["token_embd.weight"][np.array(tokens)]
        for layer in range(self.layers):
            x = x + self._attend(self._normed(x, f"blk.{layer}.attn_norm"), f"blk.{layer}")
            x = x + self._feed_forward(self._normed(x, f"blk.{layer}.ffn_norm"), f"blk.{layer}")
        last = self._normed(x, "output_norm")[-1]
        scores = self.weights["token_embd.weight"] @ last
        shifted = scores - scores.max()
        result: Floats = shifted - np.log(np.exp(shifted).sum())
        return result

    def _normed(self, x: Floats, name: str) -> Floats:
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.norm_epsilon)
        result: Floats = x / scale * self.weights[f"{name}.weight"]
        return result

    def _project(self, x: Floats, name: str) -> Floats:
        return x @ self.weights[f"{name}.weight"].T

    def _rotate(self, heads: Floats) -> Floats:
        """RoPE on (length, heads, width): the first half of the features with the second."""
        length, _, width = heads.shape
        speed = self.rope_base ** -(np.arange(0, width, 2) / width)
        angle = np.outer(np.arange(length), speed)[:, None, :]
        first, second = np.split(heads, 2, axis=-1)
        cosines, sines = np.cos(angle), np.sin(angle)
        turned = (first * cosines - second * sines, first * sines + second * cosines)
        return np.concatenate(turned, axis=-1)

    def _attend(self, x: Floats, block: str) -> Floats:
        length = len(x)
        query = self._project(x, f"{block}.attn_q").reshape(length, self.heads, -1)
        key = self._project(x, f"{block}.attn_k").reshape(length, self.kv_heads, -1)
        query = self._rotate(self._normed(query, f"{block}.attn_q_norm"))
        key = self._rotate(self._normed(key, f"{block}.attn_k_norm"))
        value = self._project(x, f"{block}.attn_v").reshape(length, self.kv_heads, -1)
        group = self.heads // self.kv_heads
        query = query.swapaxes(0, 1)
        key = key.repeat(group, axis=1).swapaxes(0, 1)
        value = value.repeat(group, axis=1).swapaxes(0, 1)
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        scores += np.triu(np.full((length, length), -np.inf), k=1)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ value).swapaxes(0, 1).reshape(length, -1)
        return self._project(mixed.astype(np.float32), f"{block}.attn_output")

    def _feed_forward(self, x: Floats, block: str) -> Floats:
        gate = self._project(x, f"{block}.ffn_gate")
        gated = gate / (1 + np.exp(-gate)) * self._project(x, f"{block}.ffn_up")
        return self._project(gated, f"{block}.ffn_down")


def _dequantised(tensor: gguf.ReaderTensor) -> Floats:
    plain: Floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return plain.astype(np.float32)


def load_reference(path: Path) -> Reference:
    """Read the file as any stranger would: by its metadata alone."""
    reader = gguf.GGUFReader(path)

    def number(key: str) -> float:
        field = reader.get_field(f"qwen3.{key}")
        if field is None:
            raise ValueError(f"{path.name} lacks qwen3.{key}")
        return float(field.contents())

    return Reference(
        weights={tensor.name: _dequantised(tensor) for tensor in reader.tensors},
        layers=int(number("block_count")),
        heads=int(number("attention.head_count")),
        kv_heads=int(number("attention.head_count_kv")),
        rope_base=number("rope.freq_base"),
        norm_epsilon=number("attention.layer_norm_rms_epsilon"),
    )
