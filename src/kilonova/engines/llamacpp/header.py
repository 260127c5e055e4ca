"""Reads and distrusts the header of a GGUF file, before any C++ sees it.

Model files come from strangers, and llama.cpp has had memory errors in its loader. Every count,
length, type and offset is checked against limits and against the size of the file; a file that
fails is refused with the reason. Arrays are skipped, never kept, except for what is asked for.
"""

import mmap
import struct
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

__all__ = ["GgufError", "ModelHeader", "read_header"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_TENSORS_MAX = 65_536
_PAIRS_MAX = 4_096
_STRING_BYTES_MAX = 1 << 20
_KEY_BYTES_MAX = 512
_ARRAY_ITEMS_MAX = 4_194_304
_HEADER_BYTES_MAX = 256 << 20
_ALIGNMENT_MAX = 1 << 20
_DIMENSIONS_MAX = 4
_CONTEXT_DEFAULT_MAX = 8_192
_ELEMENTS_MAX = 1 << 44

_STRING, _ARRAY = 8, 9
_SCALARS: dict[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

# Tensor type → (elements of a block, bytes of a block), from ggml.h; gaps are types taken out.
_BLOCKS: dict[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip

_TOKEN_CONTROL = 3
_Scalar = int | float | bool | str


class GgufError(Exception):
    """The file is not a GGUF file that we are willing to load; the message says what is wrong."""


class ModelHeader(Struct, frozen=True, kw_only=True):
    """What a model file says of itself. ``context_tokens`` is what it was trained for.

    ``pooling`` is 0 where the file does not say how to make one vector of a text.
    ``control_tokens`` are the texts that the tokenizer reads as control, such as ``<|im_end|>``.
    ``sizes`` are the whole numbers that describe the architecture, without its name before theirs;
    ``vocab_size`` and ``tie_word_embeddings`` are counted where the file does not state them.
    """

    architecture: str
    name: str
    context_tokens: int
    parameters: int
    chat_template: str
    control_tokens: tuple[str, ...]
    pooling: int
    is_encoder: bool
    file_bytes: int
    sizes: dict[str, int] = {}

    @property
    def makes_embeddings(self) -> bool:
        return self.is_encoder or self.pooling != 0

    def served_context(self, asked: int) -> int:
        """The context of one request. Without a wish (0) it is bounded, since every slot has it."""
        trained = self.context_tokens or _CONTEXT_DEFAULT_MAX
        return min(asked or _CONTEXT_DEFAULT_MAX, trained)


def read_header(path: Path) -> ModelHeader:
    """Check the file and say what is in it. Raises GgufError with a sentence."""
    try:
        with path.open("rb") as file:
            return _read_file(file)
    except OSError as error:
        raise GgufError(f"{path} cannot be read: {error.strerror}") from error
    except GgufError as error:
        raise GgufError(f"{path} is not a usable GGUF file: {error}") from error


def _read_file(file: BinaryIO) -> ModelHeader:
    file_bytes = file.seek(0, 2)
    if file_bytes < 24:
        raise GgufError(f"it has only {file_bytes} bytes")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _Reader(content, file_bytes).read()


class _Reader:
    """A cursor over one file; every step is checked against the end."""

    def __init__(self, content: mmap.mmap, file_bytes: int) -> None:
        self._content = content
        self._end = min(file_bytes, _HEADER_BYTES_MAX)
        self._file_bytes = file_bytes
        self._at = 0
        self._pairs: dict[str, _Scalar] = {}
        self._arrays: dict[str, tuple[int, int, int]] = {}
        self._names: set[str] = set()

    def read(self) -> ModelHeader:
        if self._content[:4] != _MAGIC:
            raise GgufError("it does not begin with the letters GGUF")
        self._at = 4
        if (version := self._count()) not in _VERSIONS:
            raise GgufError(f"its version is {version}, only 2 and 3 (little endian) are known")
        tensors = self._limited("tensors", self._long(), _TENSORS_MAX)
        pairs = self._limited("metadata entries", self._long(), _PAIRS_MAX)
        for _ in range(pairs):
            self._pair()
        parameters = self._tensors(tensors)
        return self._header(parameters)

    def _take(self, size: int) -> int:
        """Move on by ``size`` bytes and return where they begin."""
        start = self._at
        if size > self._end - start:
            raise GgufError(f"it ends inside its header, at byte {self._end}")
        self._at = start + size
        return start

    def _scalar(self, shape: str) -> int | float | bool:
        (value,) = struct.unpack_from(shape, self._content, self._take(struct.calcsize(shape)))
        assert isinstance(value, int | float)
        return value

    def _count(self) -> int:
        return int(self._scalar("<I"))

    def _long(self) -> int:
        return int(self._scalar("<Q"))

    def _limited(self, what: str, value: int, limit: int) -> int:
        if value > limit:
            raise GgufError(f"it claims {value} {what}, more than the limit of {limit}")
        return value

    def _text(self, limit: int = _STRING_BYTES_MAX) -> str:
        size = self._limited("bytes of one text", self._long(), limit)
        start = self._take(size)
        try:
            return self._content[start : start + size].decode()
        except UnicodeDecodeError as error:
            raise GgufError(f"a text at byte {start} is not UTF-8") from error

    def _pair(self) -> None:
        key = self._text(_KEY_BYTES_MAX)
        if key in self._pairs or key in self._arrays:
            raise GgufError(f"the key {key!r} is there twice")
        kind = self._count()
        if kind == _ARRAY:
            self._arrays[key] = self._array(key)
        elif kind == _STRING:
            self._pairs[key] = self._text()
        elif kind in _SCALARS:
            self._pairs[key] = self._scalar(_SCALARS[kind])
        else:
            raise GgufError(f"the key {key!r} has the unknown type {kind}")

    def _array(self, key: str) -> tuple[int, int, int]:
        """Skip an array; returns the type of its items, their number and where they begin."""
        kind = self._count()
        items = self._limited(f"items in {key!r}", self._long(), _ARRAY_ITEMS_MAX)
        start = self._at
        if kind == _STRING:
            self._skip_texts(items)
        elif kind in _SCALARS:
            self._take(items * struct.calcsize(_SCALARS[kind]))
        else:
            raise GgufError(f"the array {key!r} has items of the unknown type {kind}")
        return kind, items, start

    def _skip_texts(self, items: int) -> None:
        # The one long loop of this file: a vocabulary has up to 250,000 texts.
        content, at, end = self._content, self._at, self._end
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(items):
            if at + 8 > end:
                raise GgufError(f"it ends inside its header, at byte {end}")
            (size,) = unpack(content, at)
            if size > _STRING_BYTES_MAX:
                raise GgufError(f"a text at byte {at} claims {size} bytes, limit 1048576")
            at += 8 + size
        if at > end:
            raise GgufError(f"it ends inside its header, at byte {end}")
        self._at = at

    def _tensors(self, count: int) -> int:
        """Check every tensor against the file; returns the number of parameters."""
        spans: list[tuple[str, int, int]] = []
        parameters = 0
        for _ in range(count):
            name, elements, offset, size = self._tensor()
            if name in self._names:
                raise GgufError(f"the tensor {name!r} is there twice")
            self._names.add(name)
            spans.append((name, offset, size))
            parameters += elements
        alignment = self._alignment()
        start = -(-self._at // alignment) * alignment
        for name, offset, size in spans:
            if offset % alignment:
                raise GgufError(f"the tensor {name!r} is not aligned to {alignment} bytes")
            if start + offset + size > self._file_bytes:
                raise GgufError(f"the tensor {name!r} lies outside the file")
        return parameters

    def _tensor(self) -> tuple[str, int, int, int]:
        name = self._text(_KEY_BYTES_MAX)
        rank = self._limited(f"dimensions of {name!r}", self._count(), _DIMENSIONS_MAX)
        elements = 1
        row = 1
        for index in range(rank):
            size = self._long()
            row = size if index == 0 else row
            elements = self._limited(f"elements in {name!r}", elements * size, _ELEMENTS_MAX)
        kind = self._count()
        if kind not in _BLOCKS:
            raise GgufError(f"the tensor {name!r} has the unknown type {kind}")
        block_elements, block_bytes = _BLOCKS[kind]
        if row % block_elements:
            raise GgufError(f"a row of {name!r} is not a whole number of blocks")
        return name, elements, self._long(), elements // block_elements * block_bytes

    def _alignment(self) -> int:
        alignment = self._number("general.alignment", 32)
        if not 1 <= alignment <= _ALIGNMENT_MAX or alignment & (alignment - 1):
            raise GgufError(f"its alignment is {alignment}, not a power of two up to 1 MiB")
        return alignment

    def _number(self, key: str, default: int) -> int:
        value = self._pairs.get(key, default)
        if isinstance(value, str | float):
            raise GgufError(f"the key {key!r} is not a whole number")
        return int(value)

    def _word(self, key: str) -> str:
        value = self._pairs.get(key, "")
        if not isinstance(value, str):
            raise GgufError(f"the key {key!r} is not a text")
        return value

    def _header(self, parameters: int) -> ModelHeader:
        architecture = self._word("general.architecture")
        if not architecture:
            raise GgufError("it does not say which architecture it is")
        return ModelHeader(
            architecture=architecture,
            name=self._word("general.name"),
            context_tokens=self._number(f"{architecture}.context_length", 0),
            parameters=parameters,
            chat_template=self._word("tokenizer.chat_template"),
            control_tokens=self._control_tokens(),
            pooling=self._number(f"{architecture}.pooling_type", 0),
            is_encoder=f"{architecture}.attention.causal" in self._pairs
            and not self._pairs[f"{architecture}.attention.causal"],
            file_bytes=self._file_bytes,
            sizes=self._sizes(f"{architecture}."),
        )

    def _sizes(self, prefix: str) -> dict[str, int]:
        sizes = {
            key.removeprefix(prefix): value
            for key, value in self._pairs.items()
            if key.startswith(prefix) and type(value) is int
        }
        tokens = self._arrays.get("tokenizer.ggml.tokens")
        if tokens is not None:
            sizes.setdefault("vocab_size", tokens[1])
        sizes["tie_word_embeddings"] = int("output.weight" not in self._names)
        return sizes

    def _control_tokens(self) -> tuple[str, ...]:
        kinds = self._arrays.get("tokenizer.ggml.token_type")
        tokens = self._arrays.get("tokenizer.ggml.tokens")
        if kinds is None or tokens is None or kinds[0] not in (4, 5) or tokens[0] != _STRING:
            return ()
        _, count, start = kinds
        flags = struct.unpack_from(f"<{count}i", self._content, start)
        found: list[str] = []
        self._at = tokens[2]
        for index in range(tokens[1]):
            if index < count and flags[index] == _TOKEN_CONTROL:
                found.append(self._text())
            else:
                self._take(self._long())
        return tuple(found)
