"""Signing in by an issuer on a real server: over the wire, as a browser does it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.test_console import OWNER, PASSWORD, Browser, _link
from oidc_issuer import CLIENT_ID, SECRET, LocalIssuer, local_issuer
from servers import Server, cli, free_port, served, start_server

_CONFIG = """
[engines.spark]
enabled = false

[engines.embed]
enabled = false

[console]
sign_ins_per_minute = 1000

[oidc]
issuer = "{issuer}"
client_id = "{client}"
client_secret = "file:{secret}"
label = "Acme"

[[oidc.admit]]
claim = "groups"
value = "ml"
role = "viewer"
"""


def _config(home: Path, issuer: str) -> str:
    home.mkdir(parents=True, exist_ok=True)
    (home / "oidc.secret").write_text(f"{SECRET}\n")
    return _CONFIG.format(issuer=issuer, client=CLIENT_ID, secret=home / "oidc.secret")


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with local_issuer() as running:
        running.people = {
            "ada": {"sub": "a", "email": "ada@example.com", "email_verified": True, "name": "Ada"},
            "bo": {"sub": "b", "email": "bo@example.com", "email_verified": True},
            "cy": {"sub": "c", "email": "cy@x.example", "email_verified": True, "groups": ["ml"]},
        }
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, issuer: LocalIssuer) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("vouched")
    with served(home, config=_config(home, issuer.url)) as running:
        Browser(running).enter("/kn/v1/setup", {**OWNER, "token": _link(running)})
        yield running


def _go(browser: Browser, issuer: LocalIssuer, who: str, **how: Any) -> dict[str, str]:
    status, way = browser.send("POST", "/kn/v1/oidc/start", how)
    assert status == 200, way
    back = issuer.pick(way["address"], who)
    return {name: back[name] for name in ("code", "state", "iss") if name in back}


def test_there_and_back_again(site: Server, issuer: LocalIssuer) -> None:
    """Protects the way in: the session is the one that a password opens, its cookies are out of
    every script's and other site's reach, and the same answer opens nothing a second time."""
    ada = Browser(site)
    asked = ada.send("GET", "/kn/v1/session")[1]
    assert (asked["oidc"], asked["has_passwords"], asked["member"]) == ("Acme", True, None)
    back = _go(ada, issuer, "ada")
    port = site.url.rpartition(":")[2]
    (flow,) = ada.jar
    assert flow.name == f"kn_oidc_{port}"
    assert flow.get_nonstandard_attr("SameSite") == "Strict"
    assert flow.has_nonstandard_attr("HttpOnly")
    assert flow.value
    for told in (*back.values(), SECRET):
        assert told not in flow.value
    session = ada.enter("/kn/v1/oidc/finish", back)
    assert (session["member"]["email"], session["member"]["is_vouched"]) == (OWNER["email"], True)
    assert [cookie.name for cookie in ada.jar] == [f"kn_session_{port}"]
    assert ada.send("GET", "/kn/v1/members")[0] == 200
    status, refused = ada.send("POST", "/kn/v1/oidc/finish", back)
    assert (status, refused["error"]["reason"]) == (401, "oidc_state")
    assert ada.send("DELETE", "/kn/v1/session")[0] == 200
    assert ada.send("GET", "/kn/v1/members")[0] == 401


def test_another_browsers_answer_opens_nothing(site: Server, issuer: LocalIssuer) -> None:
    """Protects people from being signed in as somebody else by a link: the answer fits only the
    browser that began, and only our own pages may begin and finish."""
    eve, ada = Browser(site), Browser(site)
    theirs, _ = _go(eve, issuer, "bo"), _go(ada, issuer, "ada")
    status, refused = ada.send("POST", "/kn/v1/oidc/finish", theirs)
    assert (status, refused["error"]["reason"]) == (401, "oidc_state")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"content-type": "text/plain"},
    ):
        for path, body in (("start", {}), ("finish", theirs)):
            assert eve.send("POST", f"/kn/v1/oidc/{path}", body, **headers)[0] in (400, 403)
    assert eve.send("POST", "/kn/v1/oidc/start", {"redirect": "https://evil.example"})[0] == 400


def test_who_comes_in_and_how_that_is_told(site: Server, issuer: LocalIssuer) -> None:
    """Protects accountability: strangers are refused by name, rules and invitations let in, and the
    audit log says by which issuer; none of it holds a code, a token or the secret."""
    bo, cy = Browser(site), Browser(site)
    status, refused = bo.send("POST", "/kn/v1/oidc/finish", _go(bo, issuer, "bo"))
    assert (status, refused["error"]["reason"]) == (403, "oidc_unknown")
    assert cy.enter("/kn/v1/oidc/finish", _go(cy, issuer, "cy"))["member"]["role"] == "viewer"
    sent = json.loads(cli("members", "invite", "bo@example.com", "--json", home=site.home).stdout)
    back = _go(bo, issuer, "bo", invitation=sent["token"])
    joined = bo.enter("/kn/v1/oidc/finish", back)
    assert (joined["member"]["role"], joined["member"]["has_password"]) == ("developer", False)
    log: Any = site.admin("GET", "/audit?actor=bo@example.com&action=member")
    (entry,) = log["data"]
    assert (entry["action"], entry["detail"]) == (
        "member.joined", {"role": "developer", "issuer": issuer.url},
    )  # fmt: skip
    text = (site.home / "server.log").read_text()
    assert "oidc" in text
    for secret in (back["code"], back["state"], SECRET):
        assert secret not in text


def test_members_are_managed_from_the_command_line(site: Server) -> None:
    """Protects operators: over the running server, at once; its link is the server's own."""
    home = site.home
    link = cli("members", "invite", "di@example.com", "--role", "admin", home=home).stdout.strip()
    assert link.startswith(f"{site.url}/console/join#kn_invite_")
    di = Browser(site)
    token = link.partition("#")[2]
    di.enter("/kn/v1/invitations/join", {"token": token, "name": "Di", "password": PASSWORD})
    assert di.send("GET", "/kn/v1/members")[0] == 200
    assert "is removed" in cli("members", "remove", "Di@example.com", home=home).stdout
    assert di.send("GET", "/kn/v1/members")[0] == 401


def test_a_server_starts_without_its_issuer(tmp_path: Path) -> None:
    """Protects operators: the server is up and says in one line that the issuer is not; and
    members are managed while no server runs."""
    home, dead = tmp_path / "home", f"http://127.0.0.1:{free_port()}"
    server = start_server(home, config=_config(home, dead))
    try:
        assert Browser(server).send("POST", "/kn/v1/oidc/start", {})[1]["error"]["reason"] == (
            "oidc_unreachable"
        )
    finally:
        assert server.stop() == 0
    lines = [each for each in (home / "server.log").read_text().splitlines() if dead in each]
    assert lines
    assert all("oidc_unreachable" in each for each in lines)
    sent = json.loads(cli("members", "invite", "bo@example.com", "--json", home=home).stdout)
    listed = json.loads(cli("members", "list", "--json", home=home).stdout)
    assert [each["id"] for each in listed["invitations"]] == [sent["invitation"]["id"]]
