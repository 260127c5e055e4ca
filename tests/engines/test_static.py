"""The engine of static vectors: exact sums, splitting, lengths, dimensions, limits, bad files."""

import asyncio
import json
import math
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import ContextTooLong, InvalidRequest, ModelNotReady, RequestTooLarge
from kilonova.core.ports import Engine
from kilonova.engines import open_engine
from kilonova.engines.static.file import StaticFileError, read_static
from kilonova.engines.static.pieces import BYTES, NOTHING, Pieces, words
from kilonova.engines.static.vectors import TOKENS_MAX, WEIGHT_MAX, Vectors

_VOCABULARY = [NOTHING, *BYTES, "red", "cat", "fish", "##s", "##like"]
_DIMENSIONS = 4


def _row(number: int) -> list[int]:
    """Signed bytes that differ from piece to piece, extremes included."""
    return [(number * 37 + place * 101) % 255 - 127 for place in range(_DIMENSIONS)]


def _write(path: Path, *, unit: str = "0.5", weights: int | None = None) -> Path:
    count = len(_VOCABULARY)
    rows = bytes(value + 128 for number in range(count) for value in _row(number))
    numbers = struct.pack(f"<{count}H", *(number + 1 for number in range(count)))
    text = "\n".join(_VOCABULARY).encode()
    ends = [len(rows), len(rows) + len(numbers), len(rows) + len(numbers) + len(text)]
    header = {
        "__metadata__": {"unit": unit},
        "rows": {"dtype": "U8", "shape": [count, _DIMENSIONS], "data_offsets": [0, ends[0]]},
        "weights": {"dtype": "U16", "shape": [weights or count], "data_offsets": ends[:2]},
        "pieces": {"dtype": "U8", "shape": [len(text)], "data_offsets": ends[1:]},
    }
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + rows + numbers + text)
    return path


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    path = _write(tmp_path / "tiny.safetensors")
    options: dict[str, object] = {"model": str(path), "context_tokens": 8, "text_chars_max": 200}
    one = open_engine("static", "tiny", options, home=tmp_path)
    await one.start()
    yield one
    await one.stop()


def _ask(*texts: str, **more: object) -> EmbeddingRequest:
    return EmbeddingRequest(model="m", texts=texts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red FISH", ["red", "fish"]),
        ("redFish, HTTPServer_cat!", ["red", "fish", "http", "server", "cat"]),
        ("café 北京", ["cafe", "北京"]),
        ("v2.31 \N{SLIGHTLY SMILING FACE}", ["v", "2", "31", "\N{SLIGHTLY SMILING FACE}"]),
        (" .,- ", []),
    ],
)
def test_words_are_read_alike_however_they_are_written(text: str, expected: list[str]) -> None:
    """Protects search: case, accents, punctuation and joined names do not hide a word."""
    assert words(text) == expected


def test_every_text_has_pieces() -> None:
    """Protects callers from empty sums: known words, parts of words, bytes, and nothing at all."""
    pieces = Pieces(_VOCABULARY)
    names = [_VOCABULARY[number] for number in pieces.split("Cats catlike é fish")]
    assert names == ["cat", "##s", "cat", "##like", "<65>", "fish"]
    assert [_VOCABULARY[number] for number in pieces.split("ß")] == ["<c3>", "<9f>"]
    assert [_VOCABULARY[number] for number in pieces.split(" ... ")] == [NOTHING]


def test_a_sum_is_exact() -> None:
    """Protects the trick of the lanes: no dimension borrows from the next, even at the most."""
    rows = bytes([0, 255, 255, 0, 128, 1])
    vectors = Vectors(rows, [WEIGHT_MAX, WEIGHT_MAX], unit=1.0)
    many = [0] * TOKENS_MAX
    found = vectors.embed(many, 3, is_normalised=False)
    assert found == tuple(float(WEIGHT_MAX * value) for value in (-128, 127, 127))
    mixed = vectors.embed([0, 1, 1], 3, is_normalised=False)
    expected = [(-128 - 128 * 2), (127 + 0), (127 - 127 * 2)]
    assert mixed == pytest.approx([WEIGHT_MAX * value / 3 for value in expected], rel=1e-12)


async def test_a_vector_is_the_weighted_mean(engine: Engine) -> None:
    """Protects what the weights mean, against the sum written out."""
    red, cat = _VOCABULARY.index("red"), _VOCABULARY.index("cat")
    answer = await engine.embed(_ask("red cat red", is_normalised=False))
    expected = [
        0.5 * (2 * (red + 1) * one + (cat + 1) * other) / 3
        for one, other in zip(_row(red), _row(cat), strict=True)
    ]
    assert answer.vectors[0] == pytest.approx(expected)
    assert answer.input_tokens == 3


async def test_a_batch_is_the_same_bits_as_single_calls(engine: Engine) -> None:
    """Protects indexes: vectors made at different times can be compared."""
    texts = ("red fish", "fish red", "cats", " ")
    together = (await engine.embed(_ask(*texts))).vectors
    alone = [(await engine.embed(_ask(text))).vectors[0] for text in texts]
    assert list(together) == alone
    assert together[0] == together[1]
    assert [math.hypot(*vector) for vector in together] == pytest.approx([1] * 4)


async def test_a_vector_may_be_cut(engine: Engine) -> None:
    """Protects ``dimensions``: the first numbers, of length 1 again; more: refused."""
    (whole,) = (await engine.embed(_ask("red cat"))).vectors
    (cut,) = (await engine.embed(_ask("red cat", dimensions=2))).vectors
    length = math.hypot(*whole[:2])
    assert cut == pytest.approx([value / length for value in whole[:2]])
    with pytest.raises(InvalidRequest, match="at most 4 dimensions") as caught:
        await engine.embed(_ask("red", dimensions=5))
    assert caught.value.param == "dimensions"


async def test_what_is_too_long_is_named_with_both_numbers(engine: Engine) -> None:
    """Protects callers from silent cuts, and the event loop from a text without end."""
    assert await engine.count_embedding(_ask("red " * 8)) == 8
    with pytest.raises(ContextTooLong, match=r"text 1 .* 9 tokens .* holds 8\."):
        await engine.count_embedding(_ask("red", "red " * 9))
    with pytest.raises(RequestTooLarge, match="201 characters, more than the 200"):
        await engine.count_embedding(_ask("," * 201))


async def test_a_large_request_lets_others_run(engine: Engine) -> None:
    """Protects all other callers: the event loop turns while thousands of texts are summed."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    started_s = time.perf_counter()
    await engine.embed(_ask(*["red cat fish cats"] * 2_000))
    spent_s = time.perf_counter() - started_s
    task.cancel()
    assert turns > min(5, spent_s / 0.02)


async def test_it_does_not_chat(engine: Engine) -> None:
    """Protects callers who name the wrong model."""
    with pytest.raises(InvalidRequest, match="embeddings only"):
        engine.chat(ChatRequest(model="m", messages=()))
    with pytest.raises(InvalidRequest, match="embeddings only"):
        await engine.count_tokens(ChatRequest(model="m", messages=()))


async def test_a_missing_file_is_no_crash(tmp_path: Path) -> None:
    """Protects a server from one engine's file: health says why, callers may come again."""
    engine = open_engine("static", "x", {"model": str(tmp_path / "none")}, home=tmp_path)
    await engine.start()
    health = await engine.health()
    assert not health.is_ready
    assert "cannot be read" in health.detail
    with pytest.raises(ModelNotReady):
        await engine.embed(_ask("red"))


def test_files_are_distrusted(tmp_path: Path) -> None:
    """Protects the process: a file that is cut, changed or of another kind is a sentence."""
    good = _write(tmp_path / "good")
    assert read_static(good).vectors.dimensions == _DIMENSIONS
    content = good.read_bytes()
    cases = {
        "cut": content[:-7],
        "empty": b"",
        "header": struct.pack("<Q", 1 << 40) + content[8:],
        "other": b"GGUF" * 100,
        "twice": content.replace(b"cat", b"red"),
    }
    for name, bad in cases.items():
        file = tmp_path / name
        file.write_bytes(bad)
        with pytest.raises(StaticFileError, match="not a file of static vectors"):
            read_static(file)
    for options in ({"unit": "0"}, {"unit": "nan"}, {"unit": "x"}, {"weights": 7}):
        with pytest.raises(StaticFileError):
            read_static(_write(tmp_path / "odd", **options))  # type: ignore[arg-type]
    with pytest.raises(StaticFileError, match="SHA-256"):
        read_static(good, sha256="0" * 64)
