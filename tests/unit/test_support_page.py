"""docs/clients.md claims what the tests show, and nothing else.

``KILONOVA_WRITE_DOCS=1 pytest tests/unit/test_support_page.py`` writes its matrix anew.
"""

import os
from pathlib import Path

from support_matrix import BEGIN, END, claims, table

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def test_the_matrix_is_what_the_tests_show() -> None:
    """Protects who chooses a client: no cell without a test, and none that a test outgrew."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    written = f"{before}{BEGIN}\n{table(claims())}\n{END}{after}"
    if os.environ.get("KILONOVA_WRITE_DOCS"):
        PAGE.write_text(written)
    assert PAGE.read_text() == written


def test_every_operation_is_shown_to_answer() -> None:
    """Protects the matrix from rows about calls that nobody saw succeed."""
    found = claims()
    answered = {one.operation for one in found if one.feature in ("whole", "stream")}
    assert {one.operation for one in found} == answered
