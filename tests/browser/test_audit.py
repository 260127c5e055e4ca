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
