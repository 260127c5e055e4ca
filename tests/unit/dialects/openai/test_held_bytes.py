"""What is held for callers is bounded, for each organisation and for all."""

import pytest

from kilonova.core.errors import Overloaded
from kilonova.dialects.openai.held_bytes import HeldBytes


def test_one_organisation_leaves_room_for_others() -> None:
    """Protects all others from one whose readers never read."""
    held = HeldBytes(10, refusal="Full.")
    held.take("org_1", 5)
    with pytest.raises(Overloaded):
        held.take("org_1", 1)
    held.take("org_2", 4)
    with pytest.raises(Overloaded):
        held.take("org_3", 2)
    held.give_back("org_1", 5)
    held.take("org_3", 5)
