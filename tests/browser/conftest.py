"""A browser, a server, and people in front of it. Without a browser all of this is skipped."""

import json
import os
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from browser.person import PASSWORD, Person
from servers import Server, served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

_HURRIED = """
[console]
sign_ins_per_minute = 1000
"""
_CONFIG = f"""{_HURRIED}
[engines.spark]
enabled = false
"""


# By module: the driver holds an event loop, which would be in the way of other modules' own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests of a module: Debian's, or the one that playwright installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as driver:
        try:
            # As root, as in most containers, Chromium cannot make its own sandbox.
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error:
            pytest.skip("no Chromium is installed: apt-get install chromium")
        yield browser
        browser.close()


def setup_token(server: Server) -> str:
    """What ``serve`` printed."""
    found = re.findall(r"/console/set-up#(kn_setup_\S+)", (server.home / "server.log").read_text())
    assert found, "the server prints a link for the first owner"
    return str(found[-1])


def own(server: Server) -> None:
    """Makes Ada the first owner."""
    owner = {
        "token": setup_token(server), "email": "ada@example.com", "name": "Ada Lovelace",
        "password": PASSWORD,
    }  # fmt: skip
    _post(f"{server.url}/kn/v1/setup", owner)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with Spark that nobody owns yet."""
    with served(tmp_path_factory.mktemp("fresh"), config=_HURRIED) as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an owner, a few keys, and some requests in its books."""
    with served(tmp_path_factory.mktemp("site"), config=_CONFIG) as running:
        own(running)
        running.admin("POST", "/keys", {"name": "production", "limits": {"budget": "250"}})
        for text in ("Hello there", "How are you?", "[[echo: tokens=300]] long"):
            body = {
                "model": "kilonova.echo-v1:0",
                "messages": [{"role": "user", "content": text}],
            }
            _post(f"{running.url}/v1/chat/completions", body, bearer=running.bearer_key)
        yield running


def _post(url: str, body: object, *, bearer: str = "") -> Any:
    headers = {"content-type": "application/json"}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


@pytest.fixture
def person(chromium: Any) -> Iterator[Any]:
    """Opens browsers of people by how they are; at the end none of them saw an error."""
    opened: list[Person] = []

    def open_person(server: Server, **how: Any) -> Person:
        found = Person.open(chromium, server, **how)
        opened.append(found)
        return found

    yield open_person
    for each in opened:
        each.close()


@pytest.fixture(scope="session")
def pictures() -> Iterator[Path | None]:
    """Where screenshots go when they are asked for: KILONOVA_SCREENSHOTS=docs/console."""
    folder = os.environ.get("KILONOVA_SCREENSHOTS")
    if not folder:
        yield None
        return
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    yield path
    for picture in path.glob("*.png"):
        if picture.stat().st_mtime >= begun:
            _shrink(picture)


def _shrink(picture: Path) -> None:
    """To 128 colours, which a screen of text and lines hardly exceeds, and a third of the bytes."""
    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)
