"""The recipe of Kilonova Embed: what it may read, what it holds out, and what its card says."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from embeddings.corpus import EVALUATION, TRAINING, FileRefused, Record, open_training, page_part
from embeddings.evaluate import SETS
from embeddings.export import WEIGHTS, encode
from embeddings.ranking import bm25, cosine, fuse, judge, stemmed
from embeddings.recipe import load_recipe
from embeddings.sections import sections, sentences
from embeddings.sets import FOLDER, Question, TestSet, Text, load_set
from kilonova.core.embedding import EmbeddingRequest
from kilonova.engines.static.engine import StaticVectors
from kilonova.engines.static.file import read_static
from kilonova.engines.static.pieces import BYTES, NOTHING

_CARD = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
_FOUND = _CARD["card"]["results"]["evaluation"]


def test_evaluation_files_are_never_trained_on() -> None:
    """Protects the figures: no file is on both sides, and the training side opens no other."""
    assert not set(TRAINING) & set(EVALUATION)
    for name in (*EVALUATION, "clinc150-test", "gsm8k-test"):
        with pytest.raises(FileRefused):
            open_training(Path(), name)


def test_held_out_pages_stay_together() -> None:
    """Protects the test of pages: a command's pages for all systems are on one side."""
    split = load_recipe().split
    names = {text.answers for text in load_set(SETS[0]).texts}

    def record(name: str, platform: str) -> Record:
        return Record(text="", source="s", licence="l", command=name, platform=platform)

    parts = {page_part(record(name, where), split) for name in names for where in ("linux", "osx")}
    assert parts == {"test"}


def test_the_answer_is_not_given_away() -> None:
    """Protects the sets: a question rarely stands word for word in the text to be found."""
    for name, share in zip(SETS, (0.04, 0.07), strict=False):
        one = load_set(name)
        texts = {text.answers: text.text.lower() for text in one.texts}
        given = [q for q in one.questions if q.text.lower() in texts[q.answers]]
        assert len(given) <= len(one.questions) * share, name


def test_sections_have_their_headings_and_no_others() -> None:
    """Protects pairs and sets: what stands below a heading, long enough to mean something."""
    body = "One sentence of prose that goes on for a while. Another one that is long as well. " * 3
    found = list(sections(f"# Title\n\nshort\n\n## How it works\n\n{body}\n\n## Empty\n"))
    assert [(one.title, one.heading) for one in found] == [("Title", "How it works")]
    assert found[0].body == body.strip()
    assert all(30 <= len(one) <= 300 for one in sentences(body))


def _toy() -> TestSet:
    texts = ("list the files of a folder", "resize an image", "files files files of taxes")
    return TestSet(
        "toy",
        tuple(Text(text, str(number), "s", "l") for number, text in enumerate(texts)),
        (Question("listing a folder", "0"), Question("image size", "1")),
    )


def test_rankings_are_judged_by_hand_counted_numbers() -> None:
    """Protects every figure: recall, reciprocal rank and gain of a ranking that is known."""
    scores = np.array([[0.1, 0.9, 0.5], [0.0, 1.0, 0.5]], np.float32)
    quality = judge(_toy(), scores)
    assert (quality.recall_1, quality.recall_10) == (50.0, 100.0)
    assert quality.mrr_10 == round((1 / 3 + 1) / 2 * 100, 1)
    assert quality.ndcg_10 == round((1 / 2 + 1) / 2 * 100, 1)


def test_words_alone_rank_as_they_should() -> None:
    """Protects the baselines from being weak by mistake: stems find what words miss."""
    one = _toy()
    assert bm25(one)[0].argmax() == stemmed(one)[0].argmax() == 0
    assert bm25(one)[1].argmax() == 1
    listing = TestSet("t", one.texts, (Question("listed", "0"),))
    assert not bm25(listing).any()
    assert stemmed(listing)[0].argmax() == 0
    both = fuse(bm25(one), stemmed(one))
    assert (both.argmax(axis=1) == [0, 1]).all()


def test_bytes_keep_the_directions(tmp_path: Path) -> None:
    """Protects quality: one byte a number and one weight a row lose next to nothing."""
    random = np.random.default_rng(3)
    pieces = [NOTHING, *BYTES, *(f"w{number}" for number in range(200))]
    table = random.normal(0, 1, (len(pieces), 64)) * random.gamma(1, 1, (len(pieces), 1))
    path = tmp_path / "x.safetensors"
    path.write_bytes(encode(table, pieces))
    vectors = read_static(path).vectors
    for _ in range(50):
        chosen = [int(one) for one in random.integers(0, len(pieces), 12)]
        expected = table[chosen].sum(axis=0)
        made = vectors.embed(chosen, 64, is_normalised=True)
        assert np.dot(made, expected) / np.linalg.norm(expected) > 0.9995
        raw = vectors.embed(chosen, 64, is_normalised=False)
        assert np.linalg.norm(raw) == pytest.approx(np.linalg.norm(expected) / 12, rel=0.01)


def test_the_card_is_about_these_weights_and_these_sets() -> None:
    """Protects readers of the card: its checksums are those of the files in the repository."""
    assert _FOUND["weights_sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert _FOUND["file_bytes"] == WEIGHTS.stat().st_size <= 3_000_000
    for name in SETS:
        packed = (FOLDER / f"{name}.jsonl.xz").read_bytes()
        assert _FOUND["sets"][name]["sha256"] == hashlib.sha256(packed).hexdigest()


async def test_the_card_says_what_is_measured() -> None:
    """Protects the figures: one set measured again gives the card's own numbers."""
    engine = StaticVectors("embed", StaticVectors.Options(model=str(WEIGHTS)))
    await engine.start()
    one = load_set(SETS[0])

    async def embed(texts: list[str]) -> np.ndarray:
        answer = await engine.embed(EmbeddingRequest(model="embed", texts=tuple(texts)))
        return np.array(answer.vectors)

    made = {
        "texts": await embed([text.text for text in one.texts]),
        "questions": await embed([question.text for question in one.questions]),
    }
    queue = [made["texts"], made["questions"]]
    quality = judge(one, cosine(one, lambda _: queue.pop(0)))
    methods = _FOUND["sets"][SETS[0]]["methods"]
    assert quality.ndcg_10 == methods["embed_256"]["ndcg_10"]
    assert quality.recall_1 == methods["embed_256"]["recall_1"]
    assert judge(one, bm25(one)).ndcg_10 == methods["bm25"]["ndcg_10"]
