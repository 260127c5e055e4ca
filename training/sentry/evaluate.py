"""Measures the shipped file on text that nothing was fitted on, a baseline beside each figure."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kilonova.guardrails.personal_data import find_personal_data
from kilonova.guardrails.scan import OUT_OF_SCOPE, Span
from kilonova.guardrails.sentry import Sentry
from sentry import samples
from sentry.attacks import train_families
from sentry.baselines import WordVotes, keyword_alarm, patterns_alone
from sentry.corpus import is_held_back, read_evaluation, read_training
from sentry.personal import Marked
from sentry.progress import report
from sentry.samples import Labelled
from sentry.sets import read_calm, read_heldout, read_personal

__all__ = ["MAIN_LANGUAGES", "evaluate", "score_blind"]

# Chosen before anything was measured; all 75 stay possible answers.
# fmt: off
MAIN_LANGUAGES = (
    "en", "zh", "es", "hi", "ar", "pt", "ru", "ja", "de", "fr", "ko", "it", "tr", "vi", "pl", "nl",
    "uk", "fa", "id", "sv",
)
# fmt: on
_PASTE_CHARACTERS = 2000
_OTHER_SEED = 404
_WORD_VOTES_SENTENCES = 4000

Figures = dict[str, object]


def evaluate(sentry: Sentry, data: Path) -> Figures:
    """All figures of the card."""
    figures: Figures = {}
    parts: dict[str, Callable[[], Figures]] = {
        "intent": lambda: _intent(sentry, data),
        "banking": lambda: _banking(sentry, data),
        "personal_data": _personal_data,
        "injection": lambda: _injection(sentry, data),
        "complexity": lambda: _complexity(sentry, data),
        "language": lambda: _language(sentry, data),
    }
    for name, measure in parts.items():
        figures[name] = measure()
        report(f"{name}: {figures[name]}"[:600])
    return figures


def _share(right: int, of: int) -> Figures:
    return {"right": right, "of": of, "percent": round(100 * right / max(1, of), 2)}


def _language(sentry: Sentry, data: Path) -> Figures:
    right: dict[str, Counter[str]] = {kind: Counter() for kind in ("sentence", "pair", "word")}
    total: dict[str, Counter[str]] = {kind: Counter() for kind in right}
    sentences: list[Labelled] = []
    for record in read_evaluation(data, "lingua-test"):
        total[record.kind][record.label] += 1
        right[record.kind][record.label] += sentry.scan(record.text).language.label == record.label
        if record.kind == "sentence" and record.label in MAIN_LANGUAGES:
            sentences.append(Labelled(record.text, record.label))
    votes = WordVotes(sample for sample in samples.languages(data) if not sample.is_held_back)
    some = sentences[:: max(1, len(sentences) // _WORD_VOTES_SENTENCES)]
    found: Figures = {
        "sentences_20": _share(_of(right["sentence"]), _of(total["sentence"])),
        "by_language_20": {
            label: round(100 * right["sentence"][label] / total["sentence"][label], 1)
            for label in MAIN_LANGUAGES
        },
        "baseline_words_vote_20": _share(
            sum(votes.label(sample.text) == sample.label for sample in some), len(some)
        ),
        "baseline_majority_20_percent": 5.0,
    }
    for kind, counts in right.items():
        found[f"{kind}s_75"] = _share(counts.total(), total[kind].total())
    hard = sorted(
        total["sentence"], key=lambda one: right["sentence"][one] / total["sentence"][one]
    )
    found["hardest"] = {
        label: round(100 * right["sentence"][label] / total["sentence"][label], 1)
        for label in hard[:8]
    }
    return found


def _of(counts: Counter[str]) -> int:
    return sum(counts[label] for label in MAIN_LANGUAGES)


def _intent(sentry: Sentry, data: Path) -> Figures:
    place = sentry.labels["intent"].index(OUT_OF_SCOPE)
    right = kept_right = in_scope = alarms = caught = out = 0
    votes = WordVotes(sample for sample in samples.intents(data) if sample.label != OUT_OF_SCOPE)
    voted = 0
    for record in read_evaluation(data, "clinc150-test"):
        guess = sentry.scan(record.text).intent
        if record.label == "oos":
            out += 1
            caught += guess.label == OUT_OF_SCOPE
            continue
        in_scope += 1
        everyday = [(p, at) for at, p in enumerate(guess.probabilities) if at != place]
        right += sentry.labels["intent"][max(everyday)[1]] == record.label
        kept_right += guess.label == record.label
        alarms += guess.label == OUT_OF_SCOPE
        voted += votes.label(record.text) == record.label
    return {
        "in_scope": _share(right, in_scope),
        "in_scope_after_threshold": _share(kept_right, in_scope),
        "out_of_scope_recall": _share(caught, out),
        "out_of_scope_false_alarms": _share(alarms, in_scope),
        "baseline_words_vote": _share(voted, in_scope),
        "baseline_majority_percent": round(100 / 150, 2),
    }


def _banking(sentry: Sentry, data: Path) -> Figures:
    rows = list(read_evaluation(data, "banking77-test"))
    votes = WordVotes(samples.banking(data))
    most = max(Counter(row.label for row in rows).values())
    return {
        "right": _share(
            sum(sentry.scan(row.text).banking.label == row.label for row in rows), len(rows)
        ),
        "baseline_words_vote": _share(
            sum(votes.label(row.text) == row.label for row in rows), len(rows)
        ),
        "baseline_majority_percent": round(100 * most / len(rows), 2),
    }


def _personal_data() -> Figures:
    marked = read_personal()
    found: Figures = {
        "sentences": len(marked),
        "pii_1": _scores(marked, find_personal_data),
    }
    found["baseline_patterns"] = _scores(marked, patterns_alone)
    return found


def _scores(marked: list[Marked], find: Callable[[str], Iterable[Span]]) -> Figures:
    """Exact places count: a span with one sign too many is one miss and one false find."""
    right, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for one in marked:
        wanted = {(mark.kind, mark.start, mark.end) for mark in one.marks}
        found = {(span.kind, span.start, span.end) for span in find(one.text)}
        right.update(kind for kind, _, _ in wanted & found)
        missed.update(kind for kind, _, _ in wanted - found)
        wrong.update(kind for kind, _, _ in found - wanted)
    kinds = sorted({*right, *missed, *wrong})
    figures: Figures = {kind: _f1(right[kind], missed[kind], wrong[kind]) for kind in kinds}
    figures["all"] = _f1(right.total(), missed.total(), wrong.total())
    return figures


def _f1(right: int, missed: int, wrong: int) -> Figures:
    return {
        "right": right,
        "missed": missed,
        "wrong": wrong,
        "f1": round(2 * right / max(1, 2 * right + missed + wrong), 4),
    }


def _injection(sentry: Sentry, data: Path) -> Figures:
    learned = [text for texts in train_families(20, _OTHER_SEED).values() for text in texts]
    calm = _calm_prompts(data)
    short = [text for name in ("tldr", "gsm8k", "clinc150") for text in calm[name]]
    return {
        "learned_recall": _alarms(sentry, learned),
        "false_alarms": _alarms(sentry, short),
        "false_alarms_by_set": {name: _alarms(sentry, texts) for name, texts in calm.items()},
        "baseline_keywords_learned_recall": _keywords(learned),
        "baseline_keywords_false_alarms": _keywords(short),
    }


def score_blind(sentry: Sentry) -> Figures:
    """The attacks and the calm text of another author, which nothing was fitted or tuned on."""
    heldout, calm = read_heldout(), read_calm()
    attacks = [text for texts in heldout.values() for text in texts]
    return {
        "recall": _alarms(sentry, attacks),
        "by_family": {name: _alarms(sentry, texts) for name, texts in heldout.items()},
        "calm_alarms": _alarms(sentry, calm),
        "baseline_keywords_recall": _keywords(attacks),
        "baseline_keywords_calm_alarms": _keywords(calm),
        "missed": [text for text in attacks if not sentry.scan(text).injection.is_flagged],
        "alarmed": [text for text in calm if sentry.scan(text).injection.is_flagged],
    }


def _calm_prompts(data: Path) -> dict[str, list[str]]:
    """Prompts of all kinds; tldr has no test part, so what was held back of it stands in."""
    pages = (record.text for record in read_training(data, "tldr-en"))
    return {
        "tldr": [text for text in pages if is_held_back(text)],
        "gsm8k": [record.prompt for record in read_evaluation(data, "gsm8k-test")],
        "clinc150": [record.text for record in read_evaluation(data, "clinc150-test")],
        "banking77": [record.text for record in read_evaluation(data, "banking77-test")],
        "restaurant8k": [record.text for record in read_evaluation(data, "restaurant8k-test")],
        "docs (2,000 characters)": [
            record.text[:_PASTE_CHARACTERS] for record in read_evaluation(data, "docs-heldout")
        ],
    }


def _alarms(sentry: Sentry, texts: list[str]) -> Figures:
    return _share(sum(sentry.scan(text).injection.is_flagged for text in texts), len(texts))


def _keywords(texts: list[str]) -> Figures:
    return _share(sum(map(keyword_alarm, texts)), len(texts))


def _complexity(sentry: Sentry, data: Path) -> Figures:
    sums = list(read_evaluation(data, "gsm8k-test"))
    simple = [record.text for record in read_evaluation(data, "clinc150-test")]
    steps = np.array([record.answer.count("<<") for record in sums], dtype=np.float64)
    scores = np.array([sentry.scan(record.prompt).complexity for record in sums])
    words = np.array([float(len(record.prompt.split())) for record in sums])
    easy = np.array([sentry.scan(text).complexity for text in simple])
    return {
        "gsm8k_above_clinc150": round(_above(scores, easy), 4),
        "baseline_words_gsm8k_above_clinc150": round(
            _above(words, np.array([float(len(text.split())) for text in simple])), 4
        ),
        "rank_correlation_with_steps": round(_rank_correlation(scores, steps), 4),
        "baseline_words_rank_correlation_with_steps": round(_rank_correlation(words, steps), 4),
        "mean_gsm8k": round(float(scores.mean()), 3),
        "mean_clinc150": round(float(easy.mean()), 3),
    }


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equal values share the mean of their places."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle: NDArray[np.float64] = ends - (counts - 1) / 2
    return middle[inverse]


def _above(high: NDArray[np.float64], low: NDArray[np.float64]) -> float:
    """How often one of ``high`` is above one of ``low``; half where they are equal."""
    ranks = _ranks(np.concatenate([high, low]))[: len(high)]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])
