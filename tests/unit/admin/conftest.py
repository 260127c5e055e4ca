"""Fixtures of the admin API's tests."""

import pytest

from unit.admin.installation import Office


@pytest.fixture
async def office() -> Office:
    """An installation with its first organisation, project and key."""
    built = Office()
    await built.accounts.start()
    return built
