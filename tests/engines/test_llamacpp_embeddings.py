"""Embedding models behind the llamacpp engine: counts, batches, lengths, dimensions, long texts."""

import math
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engines.embedding_files import write_tiny_encoder
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import ContextTooLong, InvalidRequest
from kilonova.engines import open_engine
from kilonova.engines.llamacpp.engine import LlamaCpp

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CONTEXT = 64


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["mean", "cls"])
async def encoder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LlamaCpp]:
    """A real BERT of random weights, which says itself how its vectors are pooled."""
    folder = tmp_path_factory.mktemp("encoder")
    path = write_tiny_encoder(folder / "tiny.gguf", pooling=request.param, context_tokens=_CONTEXT)
    options: dict[str, object] = {"model": str(path), "dimensions_min": 8}
    engine = open_engine("llamacpp", "tiny", options, home=folder)
    assert isinstance(engine, LlamaCpp)
    await engine.start()
    yield engine
    await engine.stop()


def _ask(*texts: str, **more: object) -> EmbeddingRequest:
    return EmbeddingRequest(model="m", texts=texts, **more)  # type: ignore[arg-type]


async def test_what_is_counted_is_what_is_reported(encoder: LlamaCpp) -> None:
    """Protects the bill: the permit is for exactly the tokens that are then read."""
    texts = ("a", "one two three", "the cat and the dog", "x " * 20)
    for some in (texts, texts[:1], texts * 30):
        answer = await encoder.embed(_ask(*some))
        assert await encoder.count_embedding(_ask(*some)) == answer.input_tokens
        assert len(answer.vectors) == len(some)


async def test_a_batch_gives_the_vectors_of_single_calls(encoder: LlamaCpp) -> None:
    """Protects indexes: how texts were sent must not matter, nor where in the list they stood."""
    texts = tuple(f"text number {number} of the cat" for number in range(70))
    together = (await encoder.embed(_ask(*texts))).vectors
    for number in (0, 31, 32, 69):
        (alone,) = (await encoder.embed(_ask(texts[number]))).vectors
        assert together[number] == pytest.approx(alone, abs=2e-3)
        assert together[number] != pytest.approx(together[number - 1], abs=2e-3)


async def test_vectors_have_length_one_unless_asked_otherwise(encoder: LlamaCpp) -> None:
    """Protects callers who compare by dot product, and those who want the raw length."""
    (unit,) = (await encoder.embed(_ask("the cat"))).vectors
    (raw,) = (await encoder.embed(_ask("the cat", is_normalised=False))).vectors
    length = math.hypot(*raw)
    assert math.hypot(*unit) == pytest.approx(1, abs=1e-4)
    assert length != pytest.approx(1, abs=0.1)
    assert [value / length for value in raw] == pytest.approx(unit, abs=1e-3)


async def test_vectors_are_cut_only_as_far_as_the_operator_allows(encoder: LlamaCpp) -> None:
    """Protects Matryoshka models' callers, and all others from vectors without meaning."""
    (whole,) = (await encoder.embed(_ask("the cat"))).vectors
    (cut,) = (await encoder.embed(_ask("the cat", dimensions=8))).vectors
    length = math.hypot(*whole[:8])
    assert cut == pytest.approx([value / length for value in whole[:8]], abs=1e-4)
    for asked in (7, len(whole) + 1):
        with pytest.raises(InvalidRequest, match=f"dimensions is {asked}") as caught:
            await encoder.embed(_ask("the cat", dimensions=asked))
        assert caught.value.param == "dimensions"


async def test_a_text_too_long_is_named_with_both_numbers(encoder: LlamaCpp) -> None:
    """Protects callers from silent cuts, before anything is reserved or read."""
    with pytest.raises(ContextTooLong) as caught:
        await encoder.count_embedding(_ask("short", "the cat " * 100))
    assert caught.value.context_tokens == _CONTEXT
    assert caught.value.input_tokens > 200
    assert "text 1 " in caught.value.message
    assert caught.value.param == "input"
    exact = await encoder.count_embedding(_ask("the " * (_CONTEXT - 2)))
    assert exact == _CONTEXT
    assert (await encoder.embed(_ask("the " * (_CONTEXT - 2)))).input_tokens == exact


async def test_a_model_of_vectors_does_not_chat(encoder: LlamaCpp) -> None:
    """Protects callers from a text that an encoder made up."""
    from engines.subjects import ask, events_of

    with pytest.raises(InvalidRequest, match="embeddings only"):
        await events_of(encoder, ask("hello"))
