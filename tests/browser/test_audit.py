"""The audit log on the screen: what was done is there, with who did it, in every light."""

from pathlib import Path
from typing import Any

import pytest

from browser.person import Person
from servers import Server, cli

pytestmark = pytest.mark.xdist_group("browser-audit")

VARIANTS = [
    ("en", "light", 1280), ("en", "dark", 360), ("fr", "light", 360), ("fr", "dark", 1280),
]  # fmt: skip


def _open(ada: Person) -> None:
    ada.walk("/audit")
    ada.page.locator("tbody tr").first.wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(("language", "scheme", "width"), VARIANTS)
def test_the_log_in_every_light(
    site: Server, person: Any, pictures: Path | None, *, language: str, scheme: str, width: int
) -> None:
    """Protects everybody: the screen of the log, without a complaint of axe."""
    ada = person(site, language=language, scheme=scheme, width=width)
    ada.sign_in()
    _open(ada)
    assert ada.complaints() == []
    if pictures is not None and language == "en":
        path = pictures / f"audit-{language}-{scheme}-{width}.png"
        ada.page.screenshot(path=path, animations="disabled")


def test_what_was_done_is_there_with_who_did_it(site: Server, person: Any) -> None:
    """Protects accountability: a member's and the operator's acts, and a log that proves whole."""
    key: Any = site.admin("POST", "/keys", {"name": "spare"})
    ada = person(site)
    ada.sign_in()
    ada.page.get_by_role("link", name="Keys", exact=True).click()
    ada.page.get_by_role("button", name="Revoke spare").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    ada.page.get_by_text("The key is revoked").wait_for()
    _open(ada)
    row = ada.page.locator("tbody tr").first
    assert "ada@example.com" in row.inner_text()
    assert "revoked a key" in row.inner_text()
    assert key["id"] in row.inner_text()
    assert ada.page.locator("tr", has_text="the operator").count() > 0
    with ada.page.expect_download() as saving:
        ada.page.get_by_role("button", name="CSV").click()
    assert "key.revoked" in saving.value.path().read_text()
    shown = cli("audit", "--limit", "1", home=site.home).stdout
    assert "key.revoked" in shown
    assert "ada@example.com" in shown
    assert cli("audit", "--verify", home=site.home).stdout.startswith("OK ")


def test_an_entry_is_found_among_many(site: Server, person: Any) -> None:
    """Protects who must find one act among hundreds: pages go back to the first entry, and who,
    what and when narrow them down; the address carries the search."""
    for number in range(110):
        made: Any = site.admin("POST", "/keys", {"name": f"many {number}"})
        site.admin("DELETE", f"/keys/{made['id']}")
    ada = person(site)
    ada.sign_in()
    _open(ada)
    seen = 0
    while True:
        ada.page.locator("tbody tr").first.wait_for()
        seen += ada.page.locator("tbody tr").count()
        older = ada.button("audit.older")
        if older.is_disabled():
            break
        first = ada.page.locator("tbody tr").first.inner_text()
        older.click()
        while ada.page.locator("tbody tr").first.inner_text() == first:
            ada.page.wait_for_timeout(20)
    wanted: Any = site.admin("GET", "/audit?limit=1000")
    organisation = made["organisation_id"]
    own = [each for each in wanted["data"] if each["organisation_id"] == organisation]
    assert seen == len(own) > 220

    ada.page.get_by_label(ada.t("audit.col_action"), exact=True).select_option("member")
    ada.page.locator("tbody tr", has_text=ada.t("audit.did_member_joined")).first.wait_for()
    ada.page.locator("tbody tr", has_text="made a key").first.wait_for(state="detached")
    ada.page.get_by_label(ada.t("audit.col_action"), exact=True).select_option("member.joined")
    who = ada.page.get_by_label(ada.t("audit.who"))
    who.fill("operator")
    who.press("Enter")
    ada.page.get_by_text(ada.t("audit.no_match")).wait_for()
    assert "who=operator" in ada.page.url
    ada.page.reload()
    ada.page.get_by_text(ada.t("audit.no_match")).wait_for()
    ada.button("audit.everywhere").click()
    ada.page.locator("tbody tr").first.wait_for()
    ada.page.get_by_label(ada.t("usage.to")).fill("2020-01-01")
    ada.page.get_by_text(ada.t("audit.no_match")).wait_for()


def test_what_was_changed_is_told_in_words(site: Server, person: Any) -> None:
    """Protects readers: limits and roles by the names that the screens give them, in French too."""
    made: Any = site.admin("POST", "/keys", {"name": "worded"})
    limits = {"budget_day": "2", "tokens_per_minute": 9000, "soft": ["day"]}
    site.admin("PATCH", f"/limits/{made['id']}", limits)
    ada = person(site, language="fr", width=360)
    ada.sign_in()
    _open(ada)
    row = ada.page.locator("tbody tr", has_text=ada.t("audit.did_limits_changed")).first
    said = row.inner_text()
    for words in ("budget par jour – → 2", "jetons par minute – → 9000", "– → par jour"):
        assert words in said, said
    assert "budget_day" not in ada.page.locator("main").inner_text()
    assert row.bounding_box()["width"] <= 360
