"""Leaves whole families out of the fit, to see what the injection head makes of new ones.

The dials are chosen by this, never by the held-out families. Both halves of a family are left out
together, and the older families, which share ideas with the newer, are learned in every fold.
"""

import random
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kilonova.guardrails.features import Hashes, plain
from kilonova.guardrails.injection import InjectionHead, read_signs
from kilonova.guardrails.weights import Tensors
from sentry import samples
from sentry.attacks import SPENT_PREFIXES, drawn_from, language_families, learned_families
from sentry.export import Package
from sentry.fit import Lesson, fit_line
from sentry.progress import report
from sentry.recipe import Recipe

__all__ = ["alarm_threshold", "leave_families_out", "signs_of"]

_ORDINARY = 20_000
_EACH = 60
_LEFT_EACH = 24


def signs_of(texts: list[str]) -> list[Hashes]:
    """The features of each text."""
    return [read_signs(plain(text)).hashes for text in texts]


def alarm_threshold(
    head: InjectionHead, prompts: dict[str, list[str]], false_alarms: float
) -> tuple[float, dict[str, float]]:
    """The lowest at which no file of prompts alarms more often than that, and how often each does.

    Pages of documentation are measured but set no threshold: the alarm is for prompts.
    """
    scores = {
        name: np.array([head.evidence(plain(text)) for text in texts])
        for name, texts in prompts.items()
    }
    threshold = max(
        float(np.quantile(some, 1 - false_alarms))
        for name, some in scores.items()
        if not name.startswith("docs")
    )
    return threshold, {
        name: round(float(np.mean(some >= threshold)), 4) for name, some in scores.items()
    }


def leave_families_out(recipe: Recipe, data: Path) -> dict[str, object]:
    """Recall on left-out families and alarms on their calm halves, by family and over all."""
    dials, seed = recipe.injection, recipe.seed
    draw = random.Random(seed)
    ordinary = samples.ordinary_windows(data, draw)
    ordinary_signs = signs_of(draw.sample(ordinary, min(_ORDINARY, len(ordinary))))
    prompts = {name: texts[:1500] for name, texts in samples.held_back_prompts(data).items()}
    families = learned_families()
    signs = {
        one.name: (
            signs_of(drawn_from(one.attacks, _EACH, f"{seed} {one.name}")),
            signs_of(drawn_from(one.calm, _EACH, f"{seed} calm {one.name}")),
        )
        for one in families
    }
    own = [one for one in families if not one.name.startswith(SPENT_PREFIXES)]
    draw.shuffle(own)
    recalls: dict[str, float] = {}
    alarms: dict[str, float] = {}
    for fold in range(dials.folds):
        left = own[fold :: dials.folds]
        names = {one.name for one in left}
        learned = [pair for name, pair in signs.items() if name not in names]
        lesson = Lesson(
            [one for attacks, _ in learned for one in attacks],
            [one for _, calm in learned for one in calm],
            ordinary_signs,
        )
        head = _head(lesson, recipe, prompts)
        for one in left:
            if one.attacks:
                texts = drawn_from(one.attacks, _LEFT_EACH, f"left {seed}")
                recalls[one.name] = _share(head, texts)
            alarms[one.name] = _share(head, drawn_from(one.calm, _LEFT_EACH, f"left calm {seed}"))
        report(f"fold {fold + 1}: { ({name: recalls.get(name) for name in names}) }")
    languages = language_families()
    found: dict[str, object] = {
        "families": len(recalls),
        "languages": len(languages),
        "ideas_recall_percent": _mean({k: v for k, v in recalls.items() if k not in languages}),
        "languages_recall_percent": _mean({k: v for k, v in recalls.items() if k in languages}),
        "calm_alarms_percent": _mean(alarms),
        "recall_by_family": recalls,
        "calm_alarms_by_family": alarms,
    }
    report(str(found))
    return found


def _mean(shares: dict[str, float]) -> float:
    return round(100 * float(np.mean(list(shares.values()))), 1)


def _head(lesson: Lesson, recipe: Recipe, prompts: dict[str, list[str]]) -> InjectionHead:
    fitted = fit_line(lesson, recipe.injection, seed=recipe.seed)
    package = Package({}, {})
    package.add("injection.weights", fitted.weights)
    package.add("injection.shift", fitted.shift)
    head = InjectionHead(Tensors(package.arrays, package.texts))
    threshold, _ = alarm_threshold(head, prompts, recipe.injection.false_alarms)
    package.add("injection.shift", fitted.shift - threshold)
    return InjectionHead(Tensors(package.arrays, package.texts))


def _share(head: InjectionHead, texts: list[str]) -> float:
    flagged: NDArray[np.bool_] = np.array(
        [head.read(text, plain(text)).is_flagged for text in texts], dtype=np.bool_
    )
    return round(float(flagged.mean()), 3)
