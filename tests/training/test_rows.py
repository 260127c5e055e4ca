"""Rows: several conversations share one, and none of them can tell."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from structure.dataset import answer_parts
from structure.generators.draw import Draw, Split
from structure.rows import Part, Piece, Rows, RowWriter, Sample, sees

LENGTH = 64


def _piece(*ids: int) -> Piece:
    return Piece(ids, [Part.ANSWER] * len(ids))


def _rows(*samples: Sample) -> Rows:
    writer = RowWriter(Draw("rows", Split.TRAIN), length=LENGTH, context_tokens=LENGTH)
    for sample in samples:
        writer.add(sample)
    writer.finish()
    return writer.rows()


def test_branches_see_their_opening_and_nothing_else() -> None:
    """Protects the answers from being copied out of a neighbour's."""
    rows = _rows(Sample(_piece(1, 2), (_piece(3, 4), _piece(5, 6))), Sample(_piece(), (_piece(7),)))
    visible = sees(rows.sample, rows.branch)[0, 0]
    tokens = rows.tokens[0].tolist()
    seen = {
        token: [tokens[other] for other in np.flatnonzero(visible[place])]
        for place, token in enumerate(tokens[:7])
    }
    assert seen[4] == [1, 2, 3, 4]
    assert seen[6] == [1, 2, 5, 6]
    assert seen[7] == [7]


def test_a_token_whose_predecessor_is_elsewhere_is_no_target() -> None:
    """Protects the loss from the jumps between branches."""
    rows = _rows(Sample(_piece(1, 2), (_piece(3, 4), _piece(5, 6))))
    assert rows.parts[0][:6].tolist() == [0, 3, 0, 3, 0, 3]


def test_long_bundles_repeat_their_opening_in_another_row() -> None:
    """Protects bundles that are longer than a row from losing requests."""
    branches = [_piece(*[10 + number] * 30) for number in range(3)]
    rows = _rows(Sample(_piece(1, 2), branches))
    assert sorted({int(token) for row in rows.tokens for token in row} - {0}) == [1, 2, 10, 11, 12]
    assert all(row[:2].tolist() == [1, 2] for row in rows.tokens)


def test_free_ends_are_filled_with_text() -> None:
    """Protects training time: a row has no long padding while there is text."""
    writer = RowWriter(Draw("rows", Split.TRAIN), length=LENGTH, context_tokens=LENGTH)
    writer.add(Sample(_piece(1), (_piece(2, 3),)))
    writer.finish()
    writer.fill(_piece(*range(100, 100 + LENGTH)))
    assert writer.free == 0
    assert writer.rows().tokens[0].tolist() == [1, 2, 3, *range(100, 161)]


def test_decisions_are_told_from_the_rest_of_an_answer() -> None:
    """Protects the extra weight of decisions: whether to call, which tool, where a value begins."""
    letters = {letter: n for n, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    text = '<tool_call>\n{"name": "get", "arguments": {"city": "Oslo", "days": -3, "tags": ["a"]}}'
    parts = answer_parts(text, tokenizer.encode(text))
    chosen = [letter for letter, part in zip(text, parts, strict=True) if part == Part.CHOICE]
    assert "".join(chosen) == "<getO-a"
    assert {part for part in parts if part != Part.CHOICE} == {Part.ANSWER}


def test_a_shared_row_gives_the_same_features_as_separate_texts() -> None:
    """Protects the whole idea: positions and mask together equal reading each text by itself."""
    torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
    from structure.model import Spark
    from structure.recipe import read_recipe

    torch.manual_seed(1)
    model = Spark(read_recipe().model)
    rows = _rows(
        Sample(_piece(11, 12, 13), (_piece(14, 15), _piece(16, 17, 18))),
        Sample(_piece(), (_piece(19, 20),)),
    )
    with torch.inference_mode():
        shared = model.features(
            torch.from_numpy(rows.tokens.astype(np.int64)),
            torch.from_numpy(rows.positions.astype(np.int64)),
            torch.from_numpy(sees(rows.sample, rows.branch)),
        )[0]
        start = rows.tokens[0].tolist().index
        for text in ([11, 12, 13, 14, 15], [11, 12, 13, 16, 17, 18], [19, 20]):
            alone = model.features(torch.tensor([text]))[0, -1]
            skipped = rows.positions[0][start(text[-1])] != len(text) - 1
            assert skipped or torch.allclose(shared[start(text[-1])], alone, atol=1e-4)
