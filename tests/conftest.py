"""Fixtures shared by all tests."""

from collections.abc import Iterator

import pytest

from servers import Server, served

# The name of an Azure deployment, or of a model that callers have in their code.
NAMES = '[aliases]\n"my-deployment" = "kilonova.echo-v1:0"\n'


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a worker: Spark and echo, one key without limits."""
    with served(tmp_path_factory.mktemp("home"), config=NAMES) as running:
        yield running
