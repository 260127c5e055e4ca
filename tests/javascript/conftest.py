"""Servers for the JavaScript SDKs: one with TLS, one without. Without Node.js all is skipped."""

from collections.abc import Iterator

import pytest

from javascript import node
from servers import Server, start_server

# The packaged model is not what these clients are about; echo answers by script.
_CONFIG = "[engines.spark]\nenabled = false\n"


@pytest.fixture(scope="session")
def sdks() -> None:
    """The SDKs, installed."""
    if reason := node.missing():
        pytest.skip(reason)
    node.install()


@pytest.fixture(scope="session", params=["tls", "plain"])
def wire(
    request: pytest.FixtureRequest, sdks: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server over HTTPS, and one over plain HTTP, with a key for all SDKs."""
    home = tmp_path_factory.mktemp(request.param)
    running = start_server(home, config=_CONFIG, has_tls=request.param == "tls")
    key = running.new_key()
    running.bearer_key, running.key_id = key["bearer_key"], key["id"]
    running.access_key_id = key["access_key_id"]
    running.secret_access_key = key["secret_access_key"]
    try:
        yield running
    finally:
        assert running.stop() == 0
