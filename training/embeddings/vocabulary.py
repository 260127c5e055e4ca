"""Chooses the pieces: the commonest words, and parts of the rest.

Short, natural texts count more often than documentation, of which there is a hundred times more.
"""

from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from embeddings.corpus import DOCUMENTS, INTENTS, PAGES, document_part, open_training, page_part
from embeddings.recipe import Recipe
from kilonova.engines.static.pieces import BYTES, CONTINUES, NOTHING, words

__all__ = ["choose_pieces"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_TIMES = {"pages": 3, "intents": 10}


def choose_pieces(folder: Path, recipe: Recipe) -> list[str]:
    """The vocabulary, in the order of its numbers."""
    # All letters come first: the trainer numbers the others in no fixed order, and breaks ties so.
    special = [NOTHING, *BYTES, *_ALPHABET, *(CONTINUES + letter for letter in _ALPHABET)]
    tokenizer = Tokenizer(models.WordPiece(unk_token=NOTHING))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=recipe.vocabulary.pieces,
        min_frequency=5,
        limit_alphabet=len(_ALPHABET),
        initial_alphabet=list(_ALPHABET),
        special_tokens=special,
        continuing_subword_prefix=CONTINUES,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(folder, recipe), trainer)
    numbers: dict[str, int] = tokenizer.get_vocab()
    pieces = sorted(numbers, key=numbers.__getitem__)
    assert pieces[: len(special)] == special
    return pieces


def _texts(folder: Path, recipe: Recipe) -> Iterator[str]:
    for name in DOCUMENTS:
        for number, record in enumerate(open_training(folder, name)):
            is_chosen = number % recipe.vocabulary.documents_one_in == 0
            if is_chosen and document_part(record, recipe.split) == "train":
                yield _plain(record.text)
    for record in open_training(folder, PAGES):
        if page_part(record, recipe.split) == "train":
            for _ in range(_TIMES["pages"]):
                yield _plain(record.text)
    for name in INTENTS:
        for record in open_training(folder, name):
            for _ in range(_TIMES["intents"]):
                yield _plain(record.text)


def _plain(text: str) -> str:
    return " ".join(word for word in words(text) if word.isascii())
