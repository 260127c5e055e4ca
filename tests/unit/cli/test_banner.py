"""What ``serve`` says once it is up."""

from pathlib import Path

from kilonova.accounts.service import FirstStart, NewKey
from kilonova.catalog.catalog import packaged_models
from kilonova.cli.banner import banner
from kilonova.core.identity import Key, Organisation, Project
from kilonova.server import Announcement

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
    }


def test_later_starts_show_the_address_and_no_secret() -> None:
    """Protects the key: it was shown once."""
    text = _announce(None)
    assert "http://127.0.0.1:8040" in text
    assert "kilonova keys create" in text
    assert "export" not in text
