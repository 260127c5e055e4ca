"""What the pages tell people to type runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kilonova.settings import load_settings
from servers import ROOT, Server

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """Every code block of a language, with the page that it stands on."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for text in fence.findall(page.read_text())
    ]


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_on_the_pages_runs(server: Server, page: str, code: str) -> None:
    """Protects the first call: the README's own lines, with the variables that serve prints."""
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": server.bearer_key,
        "KILONOVA_URL": server.url,
        "AZURE_OPENAI_ENDPOINT": server.url,
        "AZURE_OPENAI_API_KEY": server.bearer_key,
        "OPENAI_API_VERSION": "2024-10-21",
        "AWS_BEDROCK_BASE_URL": f"{server.url}/openai/v1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ANTHROPIC_BASE_URL": server.url,
        "ANTHROPIC_API_KEY": server.bearer_key,
        "GOOGLE_GEMINI_BASE_URL": server.url,
        "GOOGLE_API_KEY": server.bearer_key,
    }
    script = f"{code}\nassert answer"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{page}: {done.stderr}"


def test_configuration_on_the_pages_is_valid(tmp_path: Path) -> None:
    """Protects operators who copy an example."""
    pieces = [text for page, text in blocks("toml") if page == "docs/reference/configuration.md"]
    assert pieces
    for number, text in enumerate(pieces):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        assert load_settings(file, {}).engines
