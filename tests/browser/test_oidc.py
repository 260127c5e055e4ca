"""Signing in by an issuer in a real browser: there, back, and what is read when it fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import setup_token
from browser.person import PASSWORD, Person
from oidc_issuer import CLIENT_ID, SECRET, LocalIssuer, local_issuer
from servers import Server, served

pytestmark = pytest.mark.xdist_group("browser-oidc")

VARIANTS = [
    ("en", "light", 1280), ("en", "dark", 360), ("fr", "light", 360), ("fr", "dark", 1280),
]  # fmt: skip
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
passwords = false
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with local_issuer() as running:
        running.people = {
            name: {
                "sub": name,
                "email": f"{name}@example.com",
                "email_verified": True,
                "name": name,
            }
            for name in ("ada", "bo", "stranger", "nobody")
        }
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, issuer: LocalIssuer) -> Iterator[Server]:
    """Ada owns it; passwords are off."""
    home = tmp_path_factory.mktemp("vouched")
    (home / "oidc.secret").write_text(SECRET)
    config = _CONFIG.format(issuer=issuer.url, client=CLIENT_ID, secret=home / "oidc.secret")
    with served(home, config=config) as running:
        owner = {
            "token": setup_token(running), "email": "ada@example.com", "name": "Ada Lovelace",
            "password": PASSWORD,
        }  # fmt: skip
        running.admin("POST", "/setup", owner)
        yield running


def _vouch(who: Person, name: str) -> None:
    """Presses the button, and is this one at the issuer."""
    who.button("gate.vouched", service="Acme").click()
    who.page.get_by_role("link", name=name, exact=True).click()


def test_there_and_back_again(site: Server, person: Any) -> None:
    """Protects people: by the issuer to the very page that they wanted, by a session that lasts
    over a reload and ends with signing out; the code stays in no address."""
    ada = person(site)
    ada.go("/keys")
    _vouch(ada, "ada")
    ada.page.get_by_role("heading", level=1, name=ada.t("nav.keys")).wait_for()
    assert ada.page.url == f"{site.url}/console/keys"
    ada.page.reload()
    ada.page.get_by_role("heading", level=1, name=ada.t("nav.keys")).wait_for()
    cookies = {each["name"].rpartition("_")[0]: each for each in ada.context.cookies(site.url)}
    assert list(cookies) == ["kn_session"]
    assert (cookies["kn_session"]["sameSite"], cookies["kn_session"]["httpOnly"]) == (
        "Strict",
        True,
    )
    ada.walk("/account")
    ada.page.get_by_text(ada.t("account.passwords_off", service="Acme")).wait_for()
    ada.button("gate.sign_out").first.click()
    ada.button("gate.vouched", service="Acme").wait_for()
    ada.page.go_back()
    assert "code=" not in ada.page.url


def test_an_invitation_by_the_issuer(site: Server, person: Any) -> None:
    """Protects who is invited: the link leads to the issuer and into the organisation."""
    sent: Any = site.admin("POST", "/invitations", {"email": "bo@example.com", "role": "viewer"})
    bo = person(site)
    bo.go(f"/join#{sent['token']}")
    bo.page.get_by_text(bo.t("gate.join_vouched", email="bo@example.com")).wait_for()
    assert bo.page.get_by_label(bo.t("gate.password")).count() == 0
    _vouch(bo, "bo")
    bo.page.get_by_role("heading", level=1, name=bo.t("overview.hello", name="bo")).wait_for()


def test_the_last_owner_still_has_a_password(site: Server, person: Any) -> None:
    """Protects from being locked out: behind a line of its own, by keyboard."""
    ada = person(site)
    ada.go("")
    ada.page.get_by_text(ada.t("gate.last_owner")).focus()
    ada.page.keyboard.press("Enter")
    ada.page.get_by_label(ada.t("gate.email")).fill("ada@example.com")
    ada.page.get_by_label(ada.t("gate.password")).fill(PASSWORD)
    ada.page.keyboard.press("Enter")
    ada.page.get_by_role("heading", level=1, name="Ada").wait_for()


def _stranger(who: Person) -> None:
    _vouch(who, "stranger")
    who.page.get_by_text(who.t("error.forbidden.oidc_unknown")).wait_for()


def _denied(who: Person) -> None:
    _vouch(who, "nobody")
    who.page.get_by_text(who.t("error.unauthenticated.oidc_denied")).wait_for()
    assert "<b>" not in who.page.content()
    assert "error" not in who.page.url


def _forged(who: Person) -> None:
    who.go("/oidc?code=stolen&state=mine")
    who.page.get_by_text(who.t("error.unauthenticated.oidc_state")).wait_for()
    assert "stolen" not in who.page.url


def _nothing(who: Person) -> None:
    who.go("/oidc")
    who.page.get_by_text(who.t("error.unauthenticated.oidc_state")).wait_for()


DOORS: list[tuple[str, Callable[[Person], None]]] = [
    ("sign-in-oidc", lambda who: None),
    ("not-in-oidc", _stranger),
    ("denied-oidc", _denied),
    ("forged-oidc", _forged),
    ("nothing-oidc", _nothing),
]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "scheme", "width"), VARIANTS)
def test_every_door(
    site: Server, person: Any, pictures: Path | None, *, language: str, scheme: str, width: int
) -> None:
    """Protects everybody: who is refused reads why, in every light; what another page put into the
    address is neither believed nor shown; without a complaint of axe."""
    who = person(site, language=language, scheme=scheme, width=width)
    complaints = []
    for name, prepare in DOORS:
        who.go("")
        who.button("gate.vouched", service="Acme").wait_for()
        prepare(who)
        complaints += [f"{name}: {each}" for each in who.complaints()]
        if pictures is not None and language == "en" and name in ("sign-in-oidc", "not-in-oidc"):
            path = pictures / f"{name}-{language}-{scheme}-{width}.png"
            who.page.screenshot(path=path, animations="disabled")
    assert complaints == [], "\n".join(complaints)
