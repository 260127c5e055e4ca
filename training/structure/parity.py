"""Three checks that the served file is the trained model: template, tokens, log-probabilities."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from structure.conversation import Conversation
from structure.engine import Engine, serve
from structure.generators.chat import make_chat
from structure.generators.draw import Draw, Split
from structure.generators.extraction import make_extraction
from structure.generators.tool_calls import make_tool_calls
from structure.network import Network, trained
from structure.qat import as_stored
from structure.recipe import ModelRecipe
from structure.recipe_deepseek2 import Deepseek2Recipe
from structure.reference import Reference, load_reference
from structure.template import render_prompt
from structure.tokenizer import load_tokenizer
from structure.train import load_weights
from structure.wire import wire_messages

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
    gap_nats_max_torch: float  # the engine's quantised file against torch (on Q4_0: rounded alike)
    gap_nats_max_numpy: float | None  # against NumPy on the same file; it reads `llama` alone


class ParityFailed(AssertionError):
    """The file does not behave as the trained model does."""


def _samples() -> Iterator[Conversation]:
    for number in range(_CONVERSATIONS):
        draw = Draw(f"parity/{number}", Split.HELDOUT)
        make = (make_tool_calls, make_chat, make_extraction)[number % 3]
        yield make(draw)


def _torch_log_probabilities(model: Network, tokens: list[int]) -> NDArray[np.float32]:
    with torch.inference_mode():
        features = model.features(torch.tensor([tokens]))[0, -1]
        result: NDArray[np.float32] = model.logits(features).log_softmax(-1).numpy()
    return result


def _gap(served: dict[int, float], own: NDArray[np.float32]) -> float:
    return max(abs(value - float(own[token])) for token, value in served.items())


def _compare_probabilities(
    engine: Engine, prompts: list[list[int]], model: Network, reference: Reference | None
) -> tuple[int, float, float | None]:
    same, worst_torch, worst_numpy = 0, 0.0, None if reference is None else 0.0
    for tokens in prompts:
        served = engine.log_probabilities(tokens, top=_TOP)
        trained = _torch_log_probabilities(model, tokens)
        same += int(max(served, key=served.__getitem__) == int(trained.argmax()))
        worst_torch = max(worst_torch, _gap(served, trained))
        if reference is not None:
            own = reference.log_probabilities(tokens)
            worst_numpy = max(worst_numpy or 0.0, _gap(served, own))
    return same, worst_torch, worst_numpy


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


def check_parity(
    recipe: ModelRecipe | Deepseek2Recipe, checkpoint: Path, *, tokenizer: Path, path: Path
) -> Parity:
    """Compare, and raise where text or tokens differ at all."""
    with serve(path) as engine:
        templates, tokens, prompts = _compare_text(engine, load_tokenizer(tokenizer))
        chosen = prompts[:_PROMPTS_COMPARED]
        model = trained(recipe, load_weights(checkpoint))
        reference = load_reference(path) if isinstance(recipe, ModelRecipe) else None
        with as_stored(model, recipe):
            same, worst_torch, worst_numpy = _compare_probabilities(
                engine, chosen, model, reference
            )
    found = Parity(_CONVERSATIONS, templates, tokens, len(chosen), same, worst_torch, worst_numpy)
    if not templates == tokens == _CONVERSATIONS:
        raise ParityFailed(f"text or tokens differ: {found}")
    return found
