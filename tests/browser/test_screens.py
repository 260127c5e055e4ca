"""Every screen, in both languages, light and dark, narrow and wide, without a complaint of axe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.person import Person
from servers import Server

pytestmark = pytest.mark.xdist_group("browser-screens")

VARIANTS = [
    ("en", "light", 1280), ("en", "dark", 360), ("fr", "light", 360), ("fr", "dark", 1280),
]  # fmt: skip


def _settled(ada: Person) -> None:
    ada.page.get_by_role("heading", level=1).wait_for()


def _overview(ada: Person) -> None:
    ada.page.locator("tbody tr").first.wait_for()


def _keys(ada: Person) -> None:
    ada.page.locator("td.name", has_text="production").first.wait_for()


def _new_key(ada: Person) -> None:
    ada.button("keys.new").click()
    ada.page.get_by_role("dialog").wait_for()


def _shown_key(ada: Person) -> None:
    _new_key(ada)
    ada.page.get_by_label(ada.t("keys.name"), exact=True).fill("passing")
    ada.button("keys.make").click()
    ada.button("keys.kept").wait_for()


def _chat(ada: Person) -> None:
    ada.page.get_by_role("heading", level=2, name=ada.t("chat.greeting")).wait_for()


def _conversation(ada: Person) -> None:
    text = (
        "## A small table\n\n| Model | tok/s |\n|---|--:|\n| Spark | 150 |\n| Echo | 900 |\n\n"
        "It says **what it took**, with `code` and a list:\n\n- tokens\n- price\n\n"
        '```python\nfor word in "hello world".split():\n    print(word)  # one a line\n```'
    )
    ada.page.get_by_label(ada.t("chat.message"), exact=True).fill(text)
    # The button is ready once the models are there; Enter before that sends nothing.
    ada.button("chat.send").click()
    ada.page.locator(".figures").wait_for()
    ada.page.get_by_text("$").first.wait_for()


def _failed(ada: Person) -> None:
    ada.button("chat.new").click()
    ada.page.get_by_label(ada.t("chat.message"), exact=True).fill("[[echo: overloaded]] x")
    ada.button("chat.send").click()
    ada.page.get_by_role("alert").wait_for()


def _usage(ada: Person) -> None:
    ada.page.locator("tfoot").wait_for()


def _usage_table(ada: Person) -> None:
    ada.button("chart.as_table").click()
    ada.page.get_by_role("table").first.wait_for()


def _models(ada: Person) -> None:
    ada.page.get_by_role("article").first.wait_for()


def _menu(ada: Person) -> None:
    if ada.page.viewport_size["width"] < 900:
        ada.button("nav.menu").click()


def _nothing(_ada: Person) -> None:
    """There as soon as the heading is."""


SCREENS: list[tuple[str, str, Callable[[Person], None]]] = [
    ("overview", "", _overview),
    ("menu", "", _menu),
    ("keys", "/keys", _keys),
    ("new-key", "/keys", _new_key),
    ("key-shown", "/keys", _shown_key),
    ("chat", "/chat", _chat),
    ("conversation", "/chat", _conversation),
    ("chat-failed", "/chat", _failed),
    ("usage", "/usage", _usage),
    ("usage-table", "/usage", _usage_table),
    ("models", "/models", _models),
    ("account", "/account", _nothing),
    ("nothing", "/nowhere", _nothing),
]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "scheme", "width"), VARIANTS)
def test_every_screen(
    site: Server, person: Any, pictures: Path | None, *, language: str, scheme: str, width: int
) -> None:
    """Protects everybody: WCAG 2.2 AA by axe, nothing over the edge, no error in the browser's
    console, on every screen and in the states that matter."""
    ada = person(site, language=language, scheme=scheme, width=width)
    complaints = []

    def look(name: str) -> None:
        complaints.extend(f"{name}: {each}" for each in ada.complaints())
        if pictures is not None and language == "en":
            place = pictures / f"{name}-{language}-{scheme}-{width}.png"
            ada.page.screenshot(path=place, animations="disabled")

    ada.go("")
    _settled(ada)
    look("sign-in")
    ada.sign_in()
    for name, path, prepare in SCREENS:
        ada.walk(path)
        _settled(ada)
        prepare(ada)
        ada.settle()
        look(name)
    assert complaints == [], "\n".join(complaints)


def test_the_doors(fresh: Server, person: Any, pictures: Path | None) -> None:
    """Protects the first minute: set-up and a spent invitation, in both languages."""
    complaints = []
    for language, scheme, width in VARIANTS:
        ada = person(fresh, language=language, scheme=scheme, width=width)
        for name, path in (("set-up", "/set-up#kn_setup_example"), ("join", "/join#spent")):
            ada.go(path)
            _settled(ada)
            complaints += [f"{name} {language}: {each}" for each in ada.complaints()]
            if pictures is not None and language == "en":
                ada.page.screenshot(path=pictures / f"{name}-{language}-{scheme}-{width}.png")
    assert complaints == []


def test_language_and_theme_are_one_choice_away(site: Server, person: Any) -> None:
    """Protects who wants the other one: at once, and still there after a reload."""
    ada = person(site)
    ada.sign_in()
    ada.page.get_by_role("link", name="Account", exact=True).click()
    ada.page.get_by_label("Français").check()
    ada.page.get_by_role("heading", level=1, name="Compte").wait_for()
    ada.page.get_by_label("Sombre").check()
    ada.page.reload()
    ada.page.get_by_role("heading", level=1, name="Compte").wait_for()
    assert ada.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert ada.page.evaluate("document.documentElement.lang") == "fr"
    assert "Compte" in ada.page.title()
