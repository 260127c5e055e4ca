"""From the shared text to the file that ships: fit, calibrate, set the thresholds, export."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kilonova.guardrails.bag import rows_of
from kilonova.guardrails.complexity import STEPS_MAX, count_signs
from kilonova.guardrails.features import LETTERS, REQUESTS, Runs, excerpt, features, plain
from kilonova.guardrails.injection import InjectionHead
from kilonova.guardrails.scan import OUT_OF_SCOPE
from kilonova.guardrails.weights import Tensors, read_tensors
from sentry import samples
from sentry.attacks import benign_sentences
from sentry.corpus import read_training
from sentry.export import Package, write_package
from sentry.fit import FittedBag, Lesson, Sample, fit_bag, fit_line
from sentry.leaving import alarm_threshold, signs_of
from sentry.progress import report
from sentry.recipe import Recipe
from sentry.samples import Labelled

__all__ = ["HEADS", "fit_head", "pack"]

_TEMPERATURES = np.geomspace(0.3, 3.0, 41)


def fit_head(name: str, recipe: Recipe, data: Path, *, folder: Path) -> dict[str, object]:
    """Fits one head, keeps it in ``folder`` and returns the facts of its training."""
    started_s, cpu_s = time.monotonic(), time.process_time()
    package = Package({}, {})
    facts = _HEADS[name](package, recipe, data)
    facts["minutes"] = round((time.monotonic() - started_s) / 60, 2)
    facts["core_minutes"] = round((time.process_time() - cpu_s) / 60, 2)
    write_package(package, folder / f"{name}.safetensors")
    return facts


def pack(folder: Path, shipped: Path) -> None:
    """All fitted heads in the one file that ships."""
    whole = Package({}, {})
    for name in HEADS:
        kept = folder / f"{name}.safetensors"
        digest = kept.with_suffix(".sha256").read_text(encoding="utf-8").split()[0]
        part = read_tensors(kept, sha256=digest)
        whole.arrays.update(part.arrays)
        whole.texts.update(part.texts)
    write_package(whole, shipped)


def _hashes(text: str, runs: Runs) -> NDArray[np.uint64]:
    return features(excerpt(plain(text)), runs)


def _letters(package: Package, recipe: Recipe, data: Path) -> dict[str, object]:
    rows = list(samples.languages(data))
    labels = sorted({row.label for row in rows})
    fit = [_sample(row, 0, labels, LETTERS) for row in rows if not row.is_held_back]
    check = [_sample(row, 0, labels, LETTERS) for row in rows if row.is_held_back]
    fitted = fit_bag(fit, [len(labels)], recipe.letters, seed=recipe.seed)
    package.add_table("letters", fitted.table)
    package.add("letters.shift", fitted.shift)
    temperature = _add_task(package, "language", labels, fitted, check)
    return {"samples": len(fit), "held_back": len(check), "temperature": temperature}


def _requests(package: Package, recipe: Recipe, data: Path) -> dict[str, object]:
    everyday, bank = list(samples.intents(data)), list(samples.banking(data))
    validation = samples.validation_intents(data)
    names = [sorted({row.label for row in rows}) for rows in (everyday, bank)]
    fit = [_sample(row, 0, names[0], REQUESTS) for row in everyday]
    fit += [_sample(row, 1, names[1], REQUESTS) for row in bank if not row.is_held_back]
    check = [_sample(row, 1, names[1], REQUESTS) for row in bank if row.is_held_back]
    fitted = fit_bag(fit, [len(labels) for labels in names], recipe.requests, seed=recipe.seed)
    package.add_table("requests", fitted.table)
    package.add("requests.shift", fitted.shift)
    in_scope = [row for row in validation if row.label != OUT_OF_SCOPE]
    known = [_sample(row, 0, names[0], REQUESTS) for row in in_scope]
    temperatures = [
        _add_task(package, "intent", names[0], fitted, known),
        _add_task(package, "banking", names[1], fitted, check),
    ]
    threshold = _scope_threshold(package, known, recipe.scope.false_alarms)
    package.add("intent.threshold", threshold)
    return {
        "samples": len(fit),
        "held_back": len(check),
        "temperatures": temperatures,
        "scope_threshold": round(threshold, 4),
    }


def _sample(row: Labelled, task: int, labels: list[str], runs: Runs) -> Sample:
    return Sample(_hashes(row.text, runs), task, labels.index(row.label))


def _add_task(
    package: Package, name: str, labels: list[str], fitted: FittedBag, check: list[Sample]
) -> float:
    """Weights divided by the temperature at which unseen samples are least surprising."""
    weights, shift = fitted.tasks[check[0].task]
    readings = np.stack([_reading(fitted, sample.hashes) for sample in check])
    logits = readings @ weights.T + shift
    wanted = np.array([sample.label for sample in check])
    temperature = float(min(_TEMPERATURES, key=lambda one: _surprise(logits / one, wanted)))
    package.texts[f"{name}.labels"] = " ".join(labels)
    package.add(f"{name}.weights", weights / temperature)
    package.add(f"{name}.shift", shift / temperature)
    report(f"{name}: {np.mean(logits.argmax(1) == wanted):.4f} right of {len(check)} not fitted on")
    return round(temperature, 3)


def _reading(fitted: FittedBag, hashes: NDArray[np.uint64]) -> NDArray[np.float32]:
    rows = fitted.table[rows_of(hashes, len(fitted.table))]
    scaled = rows.sum(axis=0) / max(1, len(rows)) ** 0.5
    reading: NDArray[np.float32] = np.maximum(scaled + fitted.shift, 0)
    return reading


def _surprise(logits: NDArray[np.float32], wanted: NDArray[np.int64]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-logarithms[np.arange(len(wanted)), wanted].mean())


def _scope_threshold(package: Package, known: list[Sample], false_alarms: float) -> float:
    """The quantised heads answer, since they are what ships."""
    from kilonova.guardrails.bag import Bag, Task

    tensors = Tensors(package.arrays, package.texts)
    bag, task = Bag(tensors, "requests"), Task(tensors, "intent")
    place = task.labels.index(OUT_OF_SCOPE)
    likeliest = []
    for sample in known:
        guess = task.guess(bag.read(sample.hashes))
        everyday = max(p for at, p in enumerate(guess.probabilities) if at != place)
        likeliest.append(0.0 if guess.label == OUT_OF_SCOPE else everyday)
    return float(np.quantile(likeliest, false_alarms))


def _injection(package: Package, recipe: Recipe, data: Path) -> dict[str, object]:
    dials = recipe.injection
    draw = random.Random(recipe.seed)
    ordinary = samples.ordinary_windows(data, draw)
    attacks = samples.attack_windows(dials, recipe.seed, ordinary)
    lookalikes = benign_sentences(dials.each_calm, recipe.seed)
    ordinary = draw.sample(ordinary, min(dials.ordinary, len(ordinary)))
    lesson = Lesson(signs_of(attacks), signs_of(lookalikes), signs_of(ordinary))
    first = fit_line(lesson, dials, seed=recipe.seed)
    package.add("injection.weights", first.weights)
    package.add("injection.shift", first.shift)
    narrow = samples.narrowed(attacks, InjectionHead(Tensors(package.arrays, package.texts)))
    lesson = Lesson(signs_of(narrow), lesson.lookalikes, lesson.ordinary)
    fitted = fit_line(lesson, dials, seed=recipe.seed)
    package.add("injection.weights", fitted.weights)
    package.add("injection.shift", fitted.shift)
    head = InjectionHead(Tensors(package.arrays, package.texts))
    threshold, alarms = alarm_threshold(head, samples.held_back_prompts(data), dials.false_alarms)
    package.add("injection.shift", fitted.shift - threshold)
    report(f"injection: threshold {threshold:.4f}, alarms on held-back text {alarms}")
    return {
        "attacks": len(attacks),
        "lookalikes": len(lookalikes),
        "ordinary": len(ordinary),
        "threshold": round(threshold, 4),
        "held_back_alarms": alarms,
    }


def _complexity(package: Package, _recipe: Recipe, data: Path) -> dict[str, object]:
    """Least squares on the steps of worked solutions; an everyday request has none."""
    texts: list[str] = []
    steps: list[float] = []
    for record in read_training(data, "gsm8k-train"):
        texts.append(record.prompt)
        steps.append(min(STEPS_MAX, record.answer.count("<<")))
    for record in read_training(data, "clinc150-train"):
        texts.append(record.text)
        steps.append(0.0)
    signs = np.stack([count_signs(text, plain(text)) for text in texts])
    columns = np.concatenate([signs, np.ones((len(signs), 1), dtype=np.float32)], axis=1)
    solution = np.linalg.lstsq(columns, np.array(steps, dtype=np.float32), rcond=None)[0]
    package.add("complexity.weights", solution[:-1])
    package.add("complexity.shift", float(solution[-1]))
    return {"samples": len(texts), "weights": [round(float(one), 3) for one in solution]}


_HEADS: dict[str, Callable[[Package, Recipe, Path], dict[str, object]]] = {
    "complexity": _complexity,
    "requests": _requests,
    "injection": _injection,
    "letters": _letters,
}
HEADS = tuple(_HEADS)
