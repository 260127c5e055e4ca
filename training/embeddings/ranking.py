"""Ways to rank texts for a question, and how good a ranking is."""

import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import blake2b
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from embeddings.sets import TestSet
from kilonova.engines.static.pieces import words

__all__ = ["Quality", "Scores", "bm25", "cosine", "fuse", "hashed", "judge", "stemmed"]

Scores = NDArray[np.float32]
"""One row a question, one column a text; more is better."""

# The usual constants of both methods, not fitted to anything.
_K1, _B = 1.2, 0.75
_FUSION = 60
_DEPTH = 10


class Quality(Struct, frozen=True):
    """In percent: the right text first, among ten; mean reciprocal rank and gain within ten."""

    recall_1: float
    recall_10: float
    mrr_10: float
    ndcg_10: float


def bm25(one: TestSet) -> Scores:
    """Okapi BM25 over the same words that the vectors are made of."""
    texts = [Counter(words(text.text)) for text in one.texts]
    lengths = np.array([sum(text.values()) for text in texts], np.float32)
    norm = _K1 * (1 - _B + _B * lengths / lengths.mean())
    postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, text in enumerate(texts):
        for word, count in text.items():
            postings[word].append((number, count))
    scores = np.zeros((len(one.questions), len(texts)), np.float32)
    for row, question in enumerate(one.questions):
        for word in words(question.text):
            found = postings.get(word, [])
            rarity = math.log(1 + (len(texts) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                scores[row, number] += rarity * count * (_K1 + 1) / (count + norm[number])
    return scores


def stemmed(one: TestSet) -> Scores:
    """BM25 over stems, as SQLite's full-text search does it: the strongest of the plain ways."""
    scores = np.zeros((len(one.questions), len(one.texts)), np.float32)
    with closing(sqlite3.connect(":memory:")) as store:
        store.execute("CREATE VIRTUAL TABLE texts USING fts5(body, tokenize = 'porter unicode61')")
        rows = [(number, " ".join(words(text.text))) for number, text in enumerate(one.texts)]
        store.executemany("INSERT INTO texts (rowid, body) VALUES (? + 1, ?)", rows)
        for row, question in enumerate(one.questions):
            asked = " OR ".join(f'"{word}"' for word in dict.fromkeys(words(question.text)))
            found = store.execute(
                "SELECT rowid, bm25(texts) FROM texts WHERE texts MATCH ?", (asked or '""',)
            )
            for number, score in found:
                scores[row, number - 1] = -score
    return scores


def hashed(one: TestSet, dimensions: int) -> Scores:
    """Words hashed into as many dimensions as the vectors have, weighted by rarity in the set."""
    counts = Counter(word for text in one.texts for word in set(words(text.text)))

    def vector(text: str) -> NDArray[np.float32]:
        total = np.zeros(dimensions, np.float32)
        for word in words(text):
            number = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
            rarity = math.log(1 + len(one.texts) / (1 + counts[word]))
            total[(number >> 1) % dimensions] += rarity if number & 1 else -rarity
        return total

    return cosine(one, lambda texts: np.array([vector(text) for text in texts]))


def cosine(one: TestSet, embed: Callable[[Sequence[str]], Any]) -> Scores:
    """Nearness of vectors."""
    texts = _unit(np.asarray(embed([text.text for text in one.texts]), np.float32))
    questions = _unit(np.asarray(embed([question.text for question in one.questions]), np.float32))
    near: Scores = questions @ texts.T
    return near


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Scores = vectors / np.maximum(lengths, 1e-12)
    return unit


def fuse(first: Scores, second: Scores) -> Scores:
    """Reciprocal rank fusion: needs no scale and has nothing to tune."""
    fused: Scores = 1 / (_FUSION + _ranks(first)) + 1 / (_FUSION + _ranks(second))
    return fused


def _ranks(scores: Scores) -> Scores:
    return np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1).astype(np.float32)


def judge(one: TestSet, scores: Scores) -> Quality:
    """How near to the top a right text stands; with labels, the first text of the right label."""
    answers = np.array([text.answers for text in one.texts])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_DEPTH]
    wanted = np.array([question.answers for question in one.questions])
    is_right = answers[order] == wanted[:, None]
    found = is_right.any(axis=1)
    rank = is_right.argmax(axis=1)
    return Quality(
        recall_1=_percent(is_right[:, 0]),
        recall_10=_percent(found),
        mrr_10=_percent(np.where(found, 1 / (rank + 1), 0)),
        ndcg_10=_percent(np.where(found, 1 / np.log2(rank + 2), 0)),
    )


def _percent(values: NDArray[Any]) -> float:
    return round(float(values.mean()) * 100, 1)
