"""The console's sign-in on a real server, as a browser uses it, without a browser."""

import http.cookiejar
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from servers import Server, cli, served

PASSWORD = "correct horse battery"
OWNER = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}


class Browser:
    """Keeps cookies, and sends what our own pages send."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.jar = http.cookiejar.CookieJar()
        trust: ssl.SSLContext | None = server.trust
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.jar),
            *([urllib.request.HTTPSHandler(context=trust)] if trust else []),
        )
        self.csrf = ""

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The status and the JSON, or the lines of a stream."""
        request = urllib.request.Request(
            self.server.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "content-type": "application/json",
                "origin": self.server.url,
                "sec-fetch-site": "same-origin",
                "x-kilonova-csrf": self.csrf,
                **headers,
            },
        )
        try:
            with self._opener.open(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def enter(self, path: str, body: object) -> Any:
        status, session = self.send("POST", path, body)
        assert status == 200, session
        self.csrf = session["csrf"]
        return session


def _link(server: Server) -> str:
    found = re.findall(r"/console/set-up#(\S+)", (server.home / "server.log").read_text())
    assert found
    return str(found[-1])


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Browser]]:
    """A server over TLS, and its first owner."""
    config = "[engines.spark]\nenabled = false\n"
    with served(tmp_path_factory.mktemp("owned"), config=config, has_tls=True) as running:
        browser = Browser(running)
        assert browser.send("GET", "/kn/v1/session")[1]["needs_setup"] is True
        browser.enter("/kn/v1/setup", {**OWNER, "token": _link(running)})
        yield running, browser


def test_the_first_owner_signs_in_over_tls(owned: tuple[Server, Browser]) -> None:
    """Protects the first start: the printed token makes an owner once, and the cookie is secure."""
    server, browser = owned
    (cookie,) = browser.jar
    assert cookie.name == f"__Host-kn_session_{server.url.rpartition(':')[2]}"
    assert cookie.secure
    assert cookie.has_nonstandard_attr("HttpOnly")
    session = browser.send("GET", "/kn/v1/session")[1]
    assert (session["member"]["role"], session["organisation_name"]) == ("owner", "default")
    assert session["needs_setup"] is False
    status, refused = Browser(server).send(
        "POST", "/kn/v1/setup", {**OWNER, "email": "eve@example.com", "token": _link(server)}
    )
    assert (status, refused["error"]["reason"]) == (401, "setup_token")


def test_a_chat_in_a_session_is_metered_like_any_other(owned: tuple[Server, Browser]) -> None:
    """Protects the books: one record, on the member's own key, in the member's project; and no
    request without the CSRF token, or on another's key."""
    server, browser = owned
    project = browser.send("GET", "/kn/v1/projects")[1]["data"][0]["id"]
    key = browser.send("POST", "/kn/v1/chat-key", {"project": project})[1]["key_id"]
    asked = {
        "model": "kilonova.echo-v1:0",
        "messages": [{"role": "user", "content": "in a session"}],
    }
    chat = "/v1/chat/completions"
    status, answer = browser.send("POST", chat, asked, **{"x-kilonova-key": key})
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "in a session")
    for headers in (
        {"x-kilonova-key": key, "x-kilonova-csrf": "wrong"},
        {"x-kilonova-key": server.key_id},
        {"x-kilonova-key": key, "sec-fetch-site": "cross-site"},
        {"x-kilonova-key": key, "origin": "https://evil.example"},
        {},
    ):
        assert browser.send("POST", chat, asked, **headers)[0] == 403, headers
    mine = [
        each for each in browser.send("GET", "/kn/v1/requests")[1]["data"] if each["key_id"] == key
    ]
    assert [each["outcome"] for each in mine] == ["completed"]
    browser.send("PATCH", f"/kn/v1/limits/{key}", {"requests_per_minute": 1})
    limited = [browser.send("POST", chat, asked, **{"x-kilonova-key": key})[0] for _ in range(2)]
    assert limited == [200, 429]
    listed = {each["id"]: each for each in browser.send("GET", "/kn/v1/keys")[1]["data"]}
    assert (listed[key]["name"], listed[key]["bearer_hint"]) == ("console: Ada", None)
    assert listed[key]["last_used_on"] == mine[0]["finished_at"][:10]


def test_the_page_and_its_files_come_from_here(owned: tuple[Server, Browser]) -> None:
    """Protects the wheel: the page and every file that it names are served, with their policy."""
    server, _ = owned
    request = urllib.request.Request(f"{server.url}/console/keys")
    with urllib.request.urlopen(request, timeout=30, context=server.trust) as response:
        page = response.read().decode()
        assert "default-src 'none'" in response.headers["content-security-policy"]
    for address in re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page):
        with urllib.request.urlopen(server.url + address, timeout=30, context=server.trust) as one:
            assert one.status == 200
            assert "immutable" in one.headers["cache-control"]


def test_without_a_console_nobody_is_invited_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Protects operators who want no console: no page, and no token in the log."""
    home = tmp_path_factory.mktemp("bare")
    config = "[engines.spark]\nenabled = false\n[console]\nenabled = false\n"
    with served(home, config=config) as running:
        assert "set-up" not in (home / "server.log").read_text()
        assert Browser(running).send("GET", "/console")[0] == 404
        assert Browser(running).send("GET", "/kn/v1/session")[0] == 401
    assert cli("keys", "list", home=home).returncode == 0
