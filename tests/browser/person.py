"""Somebody in front of the console: a language, a colour scheme, a width, and a watchful eye."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers import Server

PASSWORD = "correct horse battery"
_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
_DRAWN = """(async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const ends = document.getAnimations()
    .filter((each) => each.effect.getComputedTiming().endTime < 5000)
    .map((each) => each.finished.catch(() => null));
  await Promise.all(ends);
})()"""
# The sessions of people who signed in, by server and e-mail.
_COOKIES: dict[tuple[str, str], Any] = {}
_MESSAGES = Path(__file__).parents[2] / "src" / "kilonova" / "console" / "web" / "messages"


def words(language: str) -> dict[str, Any]:
    """The console's texts."""
    text = (_MESSAGES / f"{language}.js").read_text()
    found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex(";")])
    return found


@dataclass
class Person:
    """A browser of its own, its page, and what went wrong in it."""

    page: Any
    context: Any
    server: Server
    words: dict[str, Any]
    mishaps: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        browser: Any,
        server: Server,
        *,
        language: str = "en",
        scheme: str = "light",
        width: int = 1280,
    ) -> "Person":
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            locale={"en": "en-GB", "fr": "fr-FR"}[language],
            color_scheme=scheme,
            reduced_motion="reduce",
            timezone_id="Europe/Paris",
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
        page = context.new_page()
        page.set_default_timeout(15_000)
        found = cls(page, context, server, words(language))
        page.on("console", found._hear)
        page.on("pageerror", lambda error: found.mishaps.append(f"error: {error}"))
        page.on("dialog", found._see_dialog)
        return found

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and "status of " not in message.text:
            self.mishaps.append(f"{message.type}: {message.text}")

    def _see_dialog(self, dialog: Any) -> None:
        self.mishaps.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def t(self, key: str, **values: object) -> str:
        """A text of the console, in this person's language."""
        text = str(self.words[key])
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def go(self, path: str) -> None:
        self.page.goto(f"{self.server.url}/console{path}")

    def walk(self, path: str) -> None:
        """As ``go``, from inside the console: the page is not loaded anew."""
        for step in ("/somewhere", path):
            self.page.evaluate(
                "to => { history.pushState(null, '', to); dispatchEvent(new Event('popstate')); }",
                f"/console{step}",
            )

    def sign_in(self, email: str = "ada@example.com") -> None:
        """By the form, the first time; later with the cookie of then, as long as it holds."""
        key = self.server.url, email
        if key in _COOKIES:
            self.context.add_cookies(_COOKIES[key])
        self.go("")
        hello = self.page.get_by_role("heading", level=1, name="Ada")
        form = self.page.get_by_label(self.t("gate.email"))
        hello.or_(form).first.wait_for()
        if hello.count():
            return
        self.page.get_by_label(self.t("gate.email")).fill(email)
        self.page.get_by_label(self.t("gate.password")).fill(PASSWORD)
        self.page.get_by_role("button", name=self.t("gate.sign_in"), exact=True).click()
        hello.wait_for()
        _COOKIES[key] = self.context.cookies()

    def settle(self) -> None:
        """What the last step changed is drawn: two frames have passed, and what fades has faded."""
        self.page.evaluate(_DRAWN)

    def button(self, key: str, **values: object) -> Any:
        return self.page.get_by_role("button", name=self.t(key, **values), exact=True)

    def complaints(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA, and its best practices; and what hangs over
        the edge of the screen."""
        self.settle()
        # By the debugger's protocol, which the page's policy does not bind.
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_AXE)
        # What is well is told by the megabyte, so it stays there.
        found = self.page.evaluate(
            "axe.run({resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', "
            "'wcag21aa', 'wcag22aa', 'best-practice']}).then((told) => told.violations)"
        )
        seen = [
            f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for each in found
            for node in each["nodes"]
        ]
        over = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return seen if over <= 0 else [*seen, f"{over} px hang over the edge"]

    def close(self) -> None:
        mishaps = self.mishaps
        self.context.close()
        assert mishaps == [], mishaps
