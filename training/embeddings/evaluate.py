"""Measures the committed weights on the frozen sets, beside words alone.

The vectors come from the engine that serves them, so what is measured is what callers get. Every
figure of the card is one of these, and BM25's stands beside it wherever it is better.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from embeddings.export import WEIGHTS
from embeddings.ranking import Scores, bm25, cosine, fuse, hashed, judge, stemmed
from embeddings.recipe import load_recipe
from embeddings.sets import FOLDER, TestSet, load_set
from kilonova.core.embedding import EmbeddingRequest
from kilonova.engines.static.engine import StaticVectors

__all__ = ["SETS", "evaluate", "nearest"]

SETS = ("tldr-task-to-page", "docs-heading-to-section", "banking77-nearest-label")


def evaluate(*, report: Callable[[str], None]) -> dict[str, Any]:
    """Quality by set and method, speed, and what the weights are."""
    started_s = time.process_time()
    engine = _open()
    load_s = time.process_time() - started_s
    sets: dict[str, Any] = {}
    for name in SETS:
        one = load_set(name)
        sets[name] = _measure(one, engine)
        report(f"{name}: {sets[name]['methods']}")
    content = WEIGHTS.read_bytes()
    return {
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "file_bytes": len(content),
        "load_s": round(load_s, 4),
        "speed": _speed(engine),
        "sets": sets,
    }


def _open() -> StaticVectors:
    engine = StaticVectors("embed", StaticVectors.Options(model=str(WEIGHTS)))
    asyncio.run(engine.start())
    return engine


def nearest(question: str) -> str:
    """How near the nearest text of two of the sets is, and that text, as it comes."""
    texts = [text.text for name in (SETS[0], SETS[2]) for text in load_set(name).texts]
    embed = _embed(_open(), load_recipe().fit.dimensions)
    asked, *found = embed([question, *texts])
    nearness = [sum(a * b for a, b in zip(asked, one, strict=True)) for one in found]
    best = max(range(len(texts)), key=nearness.__getitem__)
    return f"{nearness[best]:.2f} {' '.join(texts[best].split())[:160]}"


def _measure(one: TestSet, engine: StaticVectors) -> dict[str, Any]:
    dials = load_recipe().fit
    words = bm25(one)
    stems = stemmed(one)
    methods: dict[str, Scores] = {
        "hashing": hashed(one, dials.dimensions),
        "bm25": words,
        "bm25_stemmed": stems,
    }
    for size in dials.nested:
        methods[f"embed_{size}"] = cosine(one, _embed(engine, size))
    methods["hybrid"] = fuse(stems, methods[f"embed_{dials.dimensions}"])
    packed = (FOLDER / f"{one.name}.jsonl.xz").read_bytes()
    return {
        "texts": len(one.texts),
        "questions": len(one.questions),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "methods": {
            name: msgspec.to_builtins(judge(one, scores)) for name, scores in methods.items()
        },
    }


def _embed(engine: StaticVectors, size: int) -> Callable[[Sequence[str]], Any]:
    def embed(texts: Sequence[str]) -> Any:
        request = EmbeddingRequest(model="embed", texts=tuple(texts), dimensions=size)
        return asyncio.run(engine.embed(request)).vectors

    return embed


def _speed(engine: StaticVectors) -> dict[str, Any]:
    """Time of one core, whatever ran beside: the mean over texts of two lengths."""
    short = tuple(text.text for text in load_set(SETS[2]).texts[:500])
    long = tuple(text.text for text in load_set(SETS[1]).texts[:200])
    return {"utterance": _timed(engine, short), "section": _timed(engine, long)}


def _timed(engine: StaticVectors, texts: tuple[str, ...]) -> dict[str, Any]:
    request = EmbeddingRequest(model="embed", texts=texts)
    started_s = time.process_time()
    answer = asyncio.run(engine.embed(request))
    each_s = (time.process_time() - started_s) / len(texts)
    return {
        "tokens_mean": round(answer.input_tokens / len(texts), 1),
        "ms_each": round(each_s * 1000, 3),
    }
