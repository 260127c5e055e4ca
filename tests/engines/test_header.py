"""Model files are hostile: the header checker says what is wrong, and never anything else."""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.engine_files import TOOL_TEMPLATE
from kilonova.engines.llamacpp.header import GgufError, read_header

_QUICK = settings(
    max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _file(*pairs: bytes, version: int = 3, tensors: int = 0, count: int | None = None) -> bytes:
    head = struct.pack("<4sIQQ", b"GGUF", version, tensors, len(pairs) if count is None else count)
    return head + b"".join(pairs)


_ARCHITECTURE = _text("general.architecture") + struct.pack("<I", 8) + _text("llama")


def test_a_good_file_tells_what_it_is(tiny_model: Path) -> None:
    header = read_header(tiny_model)
    assert header.architecture == "llama"
    assert header.name == "tiny"
    assert header.context_tokens == 2048
    assert header.chat_template == TOOL_TEMPLATE
    assert header.control_tokens == ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    assert 50_000 < header.parameters < 200_000
    assert header.file_bytes == tiny_model.stat().st_size
    assert header.sizes["context_length"] == 2048
    assert header.sizes["block_count"] >= 1
    assert header.sizes["vocab_size"] >= 3
    assert header.sizes["tie_word_embeddings"] in (0, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"PK\x03\x04" + b"\0" * 40, "GGUF"),
        (_file(_ARCHITECTURE, version=9), "version is 9"),
        (_file(_ARCHITECTURE, count=2), "ends inside"),
        (_file(_ARCHITECTURE, count=1 << 60), "metadata entries"),
        (_file(_ARCHITECTURE, tensors=1 << 40), "tensors"),
        (_file(_ARCHITECTURE, _ARCHITECTURE), "twice"),
        (_file(struct.pack("<Q", 1 << 62)), "bytes of one text"),
        (_file(_text("k") + struct.pack("<I", 77)), "unknown type"),
        (_file(_text("k") + struct.pack("<IIQ", 9, 9, 1)), "unknown type"),
        (_file(_text("k") + struct.pack("<IIQ", 9, 0, 1 << 61)), "items"),
        (_file(struct.pack("<Q", 2) + b"\xff\xff" + bytes(40)), "UTF-8"),
        (_file(_text("general.name") + struct.pack("<I", 8) + _text("x")), "architecture"),
        (
            _file(_ARCHITECTURE, _text("general.alignment") + struct.pack("<II", 4, 33)),
            "alignment",
        ),
        (
            _file(_ARCHITECTURE, tensors=1)
            + _text("t")
            + struct.pack("<IQQIQ", 2, 1 << 40, 1 << 40, 0, 0),
            "elements",
        ),
        (
            _file(_ARCHITECTURE, tensors=1) + _text("t") + struct.pack("<IQIQ", 1, 1 << 20, 0, 0),
            "outside the file",
        ),
        (
            _file(_ARCHITECTURE, tensors=1) + _text("t") + struct.pack("<IQIQ", 1, 33, 8, 0),
            "whole number of blocks",
        ),
        (
            _file(_ARCHITECTURE, tensors=1)
            + _text("t")
            + struct.pack("<IQIQ", 1, 1, 0, 7)
            + bytes(99),
            "not aligned",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content.ljust(24, b"\0") if content else b"")
    with pytest.raises(GgufError, match=words):
        read_header(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="No such file"):
        read_header(tmp_path / "none.gguf")


@_QUICK
@given(cut=st.integers(0, 60_000))
def test_a_truncated_file_is_refused(tiny_model: Path, tmp_path: Path, cut: int) -> None:
    content = tiny_model.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(content[: min(cut, len(content) - 1)])
    with pytest.raises(GgufError):
        read_header(path)


@_QUICK
@given(
    flips=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_a_damaged_file_is_read_or_refused(
    tiny_model: Path, tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    content = bytearray(tiny_model.read_bytes())
    for at, value in flips:
        content[at % len(content)] = value
    path = tmp_path / "flipped.gguf"
    path.write_bytes(content)
    try:
        header = read_header(path)
    except GgufError:
        return
    assert header.architecture
