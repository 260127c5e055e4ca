"""Fixtures shared by all tests."""

from collections.abc import Iterator

import pytest

from servers import Server, cli, start_server

# The name of an Azure deployment, or of a model that callers have in their code.
NAMES = '[aliases]\n"my-deployment" = "kilonova.echo-v1:0"\n'


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a worker: Spark and echo, one key without limits."""
    running = start_server(tmp_path_factory.mktemp("home"), config=NAMES)
    try:
        key = running.new_key()
        running.bearer_key = key["bearer_key"]
        running.access_key_id = key["access_key_id"]
        running.secret_access_key = key["secret_access_key"]
        running.key_id = key["id"]
        yield running
    finally:
        assert running.stop() == 0
        verified = cli("ledger", "verify", "--json", home=running.home, check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr
