"""What ``serve`` says once it is up."""

from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from kilonova.accounts.service import FirstStart, NewKey
from kilonova.catalog.catalog import packaged_models
from kilonova.cli.banner import banner
from kilonova.core.identity import Key, Organisation, Project
from kilonova.core.model import Price
from kilonova.server import Announcement
from kilonova.tls.certificate import ServerCertificate

KEY = NewKey(
    key=Key(id="key_1", organisation_id="org_1", project_id="proj_1"),
    bearer="kn_live_secret",
    access_key_id="KNAK",
    secret="hidden",
)
FIRST = FirstStart(
    Organisation(id="org_1", name="default"),
    Project(id="proj_1", organisation_id="org_1", name="default"),
    KEY,
)


def _announce(first: FirstStart | None) -> str:
    return banner(
        Announcement(
            url="http://127.0.0.1:8040", home=Path("/srv"), models=packaged_models(), first=first
        )
    )


def test_the_first_start_points_every_sdk_here() -> None:
    """Protects the first call: these are the variables that the SDKs themselves read."""
    words = dict(word.split("=", 1) for word in _announce(FIRST).split() if "=" in word)
    assert words == {
        "OPENAI_BASE_URL": "http://127.0.0.1:8040/v1",
        "OPENAI_API_KEY": "kn_live_secret",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:8040",
        "AWS_ENDPOINT_URL_BEDROCK": "http://127.0.0.1:8040",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "KNAK",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8040",
        "ANTHROPIC_API_KEY": "$OPENAI_API_KEY",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:8040",
        "GOOGLE_API_KEY": "$OPENAI_API_KEY",
    }


def test_later_starts_show_the_addresses_and_no_secret() -> None:
    """Protects the key, which was shown once, and callers of a server that has moved."""
    text = _announce(None)
    assert "kilonova keys create" in text
    assert "KEY" not in text
    assert "kn_live_" not in text
    words = dict(word.split("=", 1) for word in text.split() if "=" in word)
    assert words == {
        "OPENAI_BASE_URL": "http://127.0.0.1:8040/v1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:8040",
        "AWS_ENDPOINT_URL_BEDROCK": "http://127.0.0.1:8040",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8040",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:8040",
    }


def test_under_tls_the_lines_of_trust_come_with_every_start() -> None:
    """Protects callers: what replaces the system's authorities is the bundle, what adds is ours."""
    certificate = ServerCertificate(
        certificate_file=Path("/srv/tls/server.pem"),
        key_file=Path("/srv/tls/server.pem"),
        names=("localhost",),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        pem="",
        authority_file=Path("/srv/tls/authority.pem"),
        bundle_file=Path("/srv/tls/bundle.pem"),
    )
    url = "https://127.0.0.1:8040"
    for first in (None, FIRST):
        text = banner(
            Announcement(
                url=url, home=Path("/srv"), models=(), first=first, certificate=certificate
            )
        )
        words = dict(word.split("=", 1) for word in text.split() if "=" in word)
        assert words["OPENAI_BASE_URL"] == f"{url}/v1"
        assert words["AWS_CA_BUNDLE"] == words["SSL_CERT_FILE"] == "/srv/tls/bundle.pem"
        assert words["REQUESTS_CA_BUNDLE"] == "/srv/tls/bundle.pem"
        assert words["NODE_EXTRA_CA_CERTS"] == "/srv/tls/authority.pem"
        assert words.get("AWS_BEARER_TOKEN_BEDROCK") == (KEY.bearer if first else None)


def test_what_is_free_or_not_on_sale_is_said() -> None:
    """Protects operators: a model that earns nothing, or cannot be bought, is seen at the start."""
    priced = packaged_models()[0]
    models = (priced, replace(priced, id="gift", price=Price()), replace(priced, price=None))
    text = banner(Announcement(url="http://x", home=Path("/srv"), models=models, first=None))
    first, gift, unsold = (line for line in text.splitlines() if line.startswith("  model"))
    assert first.endswith(priced.id)
    assert gift.endswith("gift   (free)")
    assert "not on sale" in unsold


def test_a_console_without_an_owner_shows_the_way_in() -> None:
    """Protects the first owner: a link with the token, behind '#', which no server's log sees."""
    url = "http://127.0.0.1:8040"
    for token, is_shown in (("kn_setup_x", True), (None, False)):
        text = banner(
            Announcement(
                url=url, home=Path("/srv"), models=(), first=None, has_console=True,
                setup_token=token,
            )
        )  # fmt: skip
        assert f"console {url}/console\n" in text
        assert (f"{url}/console/set-up#kn_setup_x" in text) is is_shown
