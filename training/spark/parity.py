"""Three checks that the served file is the trained model: template, tokens, log-probabilities."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from spark.conversation import Conversation
from spark.engine import Engine, serve
from spark.generators.chat import make_chat
from spark.generators.draw import Draw, Split
from spark.generators.extraction import make_extraction
from spark.generators.tool_calls import make_tool_calls
from spark.model import Spark
from spark.recipe import ModelRecipe
from spark.reference import load_reference
from spark.template import render_prompt
from spark.tokenizer import load_tokenizer
from spark.train import load_weights
from spark.wire import wire_messages

__all__ = ["Parity", "ParityFailed", "check_parity"]

_CONVERSATIONS = 120
_PROMPTS_COMPARED = 12
_TOP = 5


class Parity(msgspec.Struct, frozen=True):
    """What was compared and how far apart it was at worst."""

    templates_compared: int
    templates_equal: int
    tokens_equal: int
    prompts_compared: int
    top_tokens_equal_torch: int
    gap_nats_max_torch: float  # the engine's quantised file against full-precision torch
    gap_nats_max_numpy: float  # the engine against NumPy on the same quantised file


class ParityFailed(AssertionError):
    """The file does not behave as the trained model does."""


def _samples() -> Iterator[Conversation]:
    for number in range(_CONVERSATIONS):
        draw = Draw(f"parity/{number}", Split.HELDOUT)
        make = (make_tool_calls, make_chat, make_extraction)[number % 3]
        yield make(draw)


def _torch_log_probabilities(model: Spark, tokens: list[int]) -> NDArray[np.float32]:
    with torch.inference_mode():
        features = model.features(torch.tensor([tokens]))[0, -1]
        result: NDArray[np.float32] = model.logits(features).log_softmax(-1).numpy()
    return result


def _gap(served: dict[int, float], own: NDArray[np.float32]) -> float:
    return max(abs(value - float(own[token])) for token, value in served.items())


def _compare_probabilities(
    engine: Engine, prompts: list[list[int]], model: Spark, path: Path
) -> tuple[int, float, float]:
    reference = load_reference(path)
    same, worst_torch, worst_numpy = 0, 0.0, 0.0
    for tokens in prompts:
        served = engine.log_probabilities(tokens, top=_TOP)
        trained = _torch_log_probabilities(model, tokens)
        same += int(max(served, key=served.__getitem__) == int(trained.argmax()))
        worst_torch = max(worst_torch, _gap(served, trained))
        worst_numpy = max(worst_numpy, _gap(served, reference.log_probabilities(tokens)))
    return same, worst_torch, worst_numpy


def _trained_model(recipe: ModelRecipe, checkpoint: Path) -> Spark:
    model = Spark(recipe)
    model.load_state_dict(load_weights(checkpoint))
    return model.eval()


def _compare_text(engine: Engine, tokenizer: Tokenizer) -> tuple[int, int, list[list[int]]]:
    templates, tokens, prompts = 0, 0, []
    for conversation in _samples():
        ours = render_prompt(conversation)
        theirs = engine.post("/apply-template", wire_messages(conversation))["prompt"]
        ids: list[int] = tokenizer.encode(ours, add_special_tokens=False).ids
        templates += int(ours == theirs)
        tokens += int(ids == engine.tokenize(ours))
        prompts.append(ids)
    return templates, tokens, prompts


def check_parity(recipe: ModelRecipe, checkpoint: Path, *, tokenizer: Path, path: Path) -> Parity:
    """Compare, and raise where text or tokens differ at all."""
    with serve(path) as engine:
        templates, tokens, prompts = _compare_text(engine, load_tokenizer(tokenizer))
        chosen = prompts[:_PROMPTS_COMPARED]
        model = _trained_model(recipe, checkpoint)
        same, worst_torch, worst_numpy = _compare_probabilities(engine, chosen, model, path)
    found = Parity(_CONVERSATIONS, templates, tokens, len(chosen), same, worst_torch, worst_numpy)
    if not templates == tokens == _CONVERSATIONS:
        raise ParityFailed(f"text or tokens differ: {found}")
    return found
