"""Byte-level BPE with single digits and free-standing spaces, trained on the training text only.

Digits are split before the GPT-2 pattern applies; llama.cpp calls this pre-tokenizer `smollm`. No
entry joins a space to the letters after it, so a word has the same tokens after a space, a quote or
an underscore: what the model must copy out of a request is what it must write (LOG.md has figures).
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from structure.template import CONTROL_TOKENS, TEXT_TOKENS

__all__ = ["PRE_TOKENIZER", "load_tokenizer", "train_tokenizer"]

PRE_TOKENIZER = "smollm"


def train_tokenizer(
    texts: Iterable[str], *, size: int, path: Path, joins_spaces: bool = False
) -> Tokenizer:
    """Learn merges from the texts and save the result; `joins_spaces` is the usual way."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    # Only while merges are learned: the engine's pattern keeps the space with its word, but finds
    # no entry that would join them.
    spaces = pre_tokenizers.Split(Regex(r" (?=\p{L})"), "isolated")
    learning = [digits, bytes_] if joins_spaces else [digits, spaces, bytes_]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(learning)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS]
    visible = [AddedToken(token, special=False, normalized=False) for token in TEXT_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special + visible,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of an earlier step."""
    return Tokenizer.from_file(str(path))
