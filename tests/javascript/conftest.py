"""Servers for the JavaScript SDKs: one with TLS, one without. Without Node.js all is skipped."""

from collections.abc import Iterator

import pytest

from javascript import node
from servers import Server, served

pytest.register_assert_rewrite("differential.checks")

# The packaged model is not what these clients are about; echo answers by script.
_CONFIG = """
[engines.spark]
enabled = false

[models."vectors.echo-v1:0"]
engine = "echo"
native_body = "text-embeddings"
abilities = ["embeddings"]
price = "free"
"""


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
    with served(home, config=_CONFIG, has_tls=request.param == "tls") as running:
        yield running


@pytest.fixture(scope="session")
def bad_keys(wire: Server) -> dict[str, str]:
    """Keys that must fail: one without money, one that may ask once a minute."""
    return {
        "KILONOVA_POOR_KEY": wire.new_key("--budget", "0.000000001")["bearer_key"],
        "KILONOVA_LIMITED_KEY": wire.new_key("--rpm", "1")["bearer_key"],
    }
