"""Conversations that outlive their tab: kept, found, renamed, taken along, deleted."""

import json
from pathlib import Path
from typing import Any

import pytest

from browser.person import Person
from servers import Server

pytestmark = pytest.mark.xdist_group("browser-conversations")

STORY = "[[echo: tokens=4000, delay_ms=20]] once upon a time"


def _say(ada: Person, text: str) -> None:
    ada.page.get_by_label(ada.t("chat.message"), exact=True).fill(text)
    ada.page.keyboard.press("Enter")


def _chat(ada: Person) -> Any:
    ada.sign_in()
    ada.walk("/chat")
    ada.page.get_by_role("heading", level=2, name=ada.t("chat.greeting")).wait_for()
    return ada.page


def test_a_closed_tab_loses_a_second_at_most(site: Server, person: Any) -> None:
    """Protects what a model has written: the tab is closed in the middle of an answer, which stops
    it, and another tab finds the conversation with the answer as far as it had come."""
    ada = person(site)
    page = _chat(ada)
    _say(ada, STORY)
    page.wait_for_url("**/chat/conv_*")
    page.wait_for_timeout(2500)
    written = page.locator(".is-answer .prose").inner_text()
    address = page.url
    page.close(run_before_unload=True)
    page = ada.page = ada.context.new_page()
    page.set_default_timeout(15_000)
    page.goto(address)
    page.locator(".figures", has_text="stopped").or_(
        page.locator(".is-answer .prose", has_text="once upon a time")
    ).first.wait_for()
    found = page.locator(".is-answer .prose").inner_text()
    assert found.startswith(written), (len(found), len(written))
    records: Any = site.admin("GET", "/requests")
    assert [each["outcome"] for each in records["data"]][-1] == "cancelled"
    # It goes on from there.
    _say(ada, "and then")
    page.get_by_text("3 in").or_(page.locator(".is-answer").nth(1)).first.wait_for()


def test_branches_are_found_again_by_search_and_taken_along(site: Server, person: Any) -> None:
    """Protects long work: both versions of a question are there in another browser, which finds
    the conversation by a word, renames it, exports it with every branch, and deletes it."""
    ada = person(site)
    page = _chat(ada)
    _say(ada, "periwinkle question")
    page.locator(".figures", has_text="2 out").wait_for()
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("textbox", name="Edit").fill("another marigold wording")
    page.locator("form.edit").get_by_role("button", name="Send").click()
    page.locator(".figures", has_text="3 out").wait_for()
    page.get_by_role("button", name="New conversation").click()
    _say(ada, "something else entirely")
    page.locator(".figures", has_text="3 out").wait_for()

    there = person(site)
    page = _chat(there)
    page.get_by_label(there.t("chat.search")).fill("PERIWINKLE")
    page.locator(".kept li").nth(1).wait_for(state="detached")
    page.get_by_role("link", name="periwinkle question").click()
    page.locator(".bubble", has_text="another marigold wording").wait_for()
    page.get_by_text("2/2").first.wait_for()
    page.get_by_role("button", name="The version before").click()
    page.locator(".bubble", has_text="periwinkle question").wait_for()

    there.button("chat.rename").click()
    page.get_by_label(there.t("chat.title"), exact=True).fill("Flowers <b>")
    there.button("chat.save_title").click()
    page.get_by_role("link", name="Flowers <b>").wait_for()
    with page.expect_download() as saving:
        page.get_by_role("button", name="JSON").click()
    kept = json.loads(saving.value.path().read_text())
    said = [turn["text"] for turn in kept["turns"] if turn["role"] == "user"]
    assert said == ["periwinkle question", "another marigold wording"]
    with page.expect_download() as saving:
        page.get_by_role("button", name="Markdown").click()
    text = saving.value.path().read_text()
    assert text.startswith("# Flowers <b>")
    assert "periwinkle" in text
    assert "marigold" not in text

    there.button("chat.delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("The conversation is deleted").wait_for()
    page.get_by_label(there.t("chat.search")).fill("")
    page.get_by_role("link", name="something else entirely").wait_for()
    assert page.get_by_role("link", name="Flowers <b>").count() == 0


def test_two_tabs_do_not_undo_each_other(site: Server, person: Any) -> None:
    """Protects who has one conversation open twice: what both said is kept, as branches."""
    ada, there = person(site), person(site)
    page = _chat(ada)
    _say(ada, "begin here")
    page.locator(".figures", has_text="2 out").wait_for()
    page.wait_for_url("**/chat/conv_*")
    page.wait_for_timeout(1500)
    _chat(there)
    there.walk(page.url.partition("/console")[2])
    there.page.locator(".bubble", has_text="begin here").wait_for()
    for each, text in ((ada, "from one tab"), (there, "from the other")):
        _say(each, text)
        each.page.locator(".figures", has_text="3 out").wait_for()
        each.page.wait_for_timeout(1500)
    page.reload()
    page.locator(".bubble", has_text="from the other").wait_for()
    page.get_by_role("button", name="The version before").last.click()
    page.locator(".bubble", has_text="from one tab").wait_for()


def test_what_cannot_be_kept_is_said(site: Server, person: Any) -> None:
    """Protects trust: a conversation that is not being saved says so, and goes on."""
    ada = person(site)
    page = _chat(ada)
    page.route("**/kn/v1/conversations", lambda route: route.abort())
    ada.mishaps = []
    _say(ada, "hello there")
    page.get_by_text(ada.t("chat.not_kept")).wait_for()
    page.locator(".figures", has_text="2 out").wait_for()
    page.unroute("**/kn/v1/conversations")
    page.wait_for_url("**/chat/conv_*")
    page.get_by_text(ada.t("chat.not_kept")).wait_for(state="detached")
    # What the browser says of the connection that this test cut.
    ada.mishaps = [each for each in ada.mishaps if "ERR_FAILED" not in each]


VARIANTS = [
    ("en", "light", 1280), ("en", "dark", 360), ("fr", "light", 360), ("fr", "dark", 1280),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("language", "scheme", "width"), VARIANTS)
def test_the_list_in_every_light(
    site: Server, person: Any, pictures: Path | None, *, language: str, scheme: str, width: int
) -> None:
    """Protects everybody: the list, its actions and its questions without a complaint of axe."""
    ada = person(site, language=language, scheme=scheme, width=width)
    page = _chat(ada)
    complaints = []

    def look(name: str) -> None:
        page.wait_for_timeout(150)
        complaints.extend(f"{name}: {each}" for each in ada.complaints())
        if pictures is not None and language == "en":
            page.screenshot(
                path=pictures / f"{name}-{language}-{scheme}-{width}.png", animations="disabled"
            )

    _say(ada, "How do tides work, and why are there two of them a day?")
    page.locator(".figures").wait_for()
    page.wait_for_url("**/chat/conv_*")
    if width < 1200:
        ada.button("chat.conversations").click()
    ada.button("chat.rename").wait_for()
    look("conversations")
    ada.button("chat.rename").click()
    look("conversation-rename")
    ada.button("action.cancel").click()
    ada.button("chat.delete").click()
    page.get_by_role("dialog").wait_for()
    look("conversation-delete")
    page.keyboard.press("Escape")
    page.get_by_label(ada.t("chat.search")).fill("nothing has this")
    page.get_by_text(ada.t("chat.none_found")).wait_for()
    look("conversations-none")
    assert complaints == [], "\n".join(complaints)
