"""Images on a live child with a projector, and which of them never reach it."""

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engines.engine_files import write_tiny_projector
from engines.subjects import answer, ask
from kilonova.core.chat import ChatRequest, ImagePart, Message, Sampling, TextPart
from kilonova.core.errors import InvalidRequest
from kilonova.engines.llamacpp.engine import LlamaCpp
from kilonova.engines.llamacpp.images import check_images
from kilonova.engines.llamacpp.launch import Options

pytestmark = pytest.mark.asyncio(loop_scope="session")

_RED, _BLUE = (255, 0, 0), (0, 0, 255)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeing(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LlamaCpp]:
    projector = write_tiny_projector(tmp_path_factory.mktemp("models") / "eyes.gguf")
    options = Options(model=str(tiny_model), projector=str(projector), parallel=2)
    engine = LlamaCpp("seeing", options)
    await engine.start()
    yield engine
    await engine.stop()


def _png(width: int, height: int, colour: tuple[int, int, int] = _RED) -> bytes:
    rows = b"".join(b"\0" + bytes(colour) * min(width, 64) for _ in range(min(height, 64)))

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _jpeg(width: int, height: int) -> bytes:
    """The segments before the picture itself."""
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"\xff\xc0ab"
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + comment + frame


def _look(content: bytes, **fields: object) -> ChatRequest:
    parts = (TextPart("What is this?"), ImagePart("image/png", content))
    fields = {"max_output_tokens": 8, "sampling": Sampling(temperature=0)} | fields
    return ask("", messages=(Message("user", parts),), **fields)


async def test_an_image_is_seen_counted_and_kept_apart(seeing: LlamaCpp) -> None:
    """Protects image input: its tokens are billed as counted, and no scope meets another's."""
    red = await answer(seeing, _look(_png(28, 28)))
    blue = await answer(seeing, _look(_png(28, 28, _BLUE)))
    assert red.choices[0].text != blue.choices[0].text
    assert await seeing.count_tokens(_look(_png(28, 28))) == red.usage.prompt_tokens
    assert (
        red.usage.prompt_tokens > (await answer(seeing, ask("What is this?"))).usage.prompt_tokens
    )
    other = await answer(seeing, _look(_png(28, 28), cache_scope="org_b"))
    assert other.choices[0].text == red.choices[0].text
    assert other.usage.cache_read_tokens == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "kinds"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "kinds"),
        (b"\0\0\0\x20ftypisom", "kinds"),
        (b"\x89PNG\r\n\x1a\n", "kinds"),
        (b"\xff\xd8\xff", "kinds"),
        (_jpeg(9, 9)[:16], "kinds"),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 5_000_000, "kinds"),
        (_png(0, 5), "pixels"),
        (_png(1 << 31, 1 << 31), "pixels"),
        (_jpeg(60_000, 60_000), "60000 x 60000 pixels"),
        (b"GIF89a" + struct.pack("<HH", 65_535, 65_535), "pixels"),
    ],
)
async def test_what_must_not_be_decoded_is_refused(
    seeing: LlamaCpp, content: bytes, words: str
) -> None:
    """Protects the child: no foreign format, no image that its memory cannot hold."""
    for ask_it in (seeing.count_tokens, lambda request: answer(seeing, request)):
        with pytest.raises(InvalidRequest, match=words):
            await ask_it(_look(content))


async def test_many_large_images_are_too_much_together() -> None:
    """Protects memory: a file of some kilobytes can be an image of a hundred megabytes."""
    image = ImagePart("image/png", _png(5_000, 5_000))
    for count in (1, 5):
        check_images(ask("", messages=(Message("user", (image,) * count),)), can_see=True)
    with pytest.raises(InvalidRequest, match="150000000 pixels together"):
        check_images(ask("", messages=(Message("user", (image,) * 6),)), can_see=True)


async def test_a_broken_image_is_the_callers_mistake(seeing: LlamaCpp) -> None:
    """Protects the engine's good name: a picture cut in half is a 400, and the child lives on."""
    for content in (_png(28, 28).replace(b"x\x9c", b"zz"), _png(28, 28)[:45]):
        with pytest.raises(InvalidRequest, match="decoded"):
            await answer(seeing, _look(content))
    with pytest.raises(InvalidRequest, match="decoded"):
        await seeing.count_tokens(_look(_jpeg(9, 9)[:20]))
    assert (await answer(seeing, _look(_png(28, 28)))).usage.output_tokens == 8


async def test_an_engine_without_a_projector_says_so(llamacpp: LlamaCpp) -> None:
    """Protects callers of a model whose entry claims more than its engine can."""
    with pytest.raises(InvalidRequest, match="no projector"):
        await answer(llamacpp, _look(_png(28, 28)))
