"""Charts, tables and requests under a hand: what they show is what the books hold."""

from typing import Any

import pytest

from browser.person import Person
from servers import Server

pytestmark = pytest.mark.xdist_group("browser-screens")

_SCALES = """async () => {
  const root = document.querySelector("script[type=module]").src.replace(/app.js$/, "");
  const { scaleOf, timesBetween } = await import(`${root}parts/scale.js`);
  const highest = [0, 1, 3, 7, 10, 99, 1000, 1234, 5e5, 0.0000123, 0.9, 12.5, 1e9];
  return {
    scales: highest.flatMap((each) =>
      [false, true].map((isWhole) => ({ each, ...scaleOf(each, isWhole) }))),
    days: timesBetween("2026-02-27", "2026-03-01", "day"),
    hours: timesBetween("2026-03-29", "2026-03-29", "hour").length,
    months: timesBetween("2025-11-20", "2026-02-03", "month"),
  };
}"""


def _usage(ada: Person, address: str = "") -> Any:
    ada.sign_in()
    ada.go(f"/usage{address}")
    ada.page.locator("tfoot").wait_for()
    return ada.page.get_by_role("slider")


def test_scales_are_human(site: Server, person: Any) -> None:
    """Protects who looks: steps are 1, 2, 2.5 or 5 with noughts, the top holds the highest, a few
    lines are drawn, and every day, hour and month has its place."""
    ada = person(site)
    ada.go("")
    seen = ada.page.evaluate(_SCALES)
    for each in seen["scales"]:
        digits = f"{each['step']:.3e}"[:4]
        assert digits in ("1.00", "2.00", "2.50", "5.00"), each
        assert each["top"] >= each["each"], each
        assert 2 <= len(each["ticks"]) <= 7, each
    assert seen["days"] == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert seen["hours"] == 24
    assert seen["months"] == ["2025-11", "2025-12", "2026-01", "2026-02"]


def test_a_chart_under_the_keyboard(site: Server, person: Any) -> None:
    """Protects who uses no mouse: arrows move a cursor that says day and values, Shift chooses a
    span, Enter looks closer, and the browser's way back leads out again."""
    ada = person(site)
    chart = _usage(ada, "?range=week&measure=requests")
    chart.focus()
    ada.page.keyboard.press("End")
    records: Any = site.admin("GET", "/usage?group_by=day")
    today = records["data"][-1]
    assert f": {today['requests']:,}" in chart.get_attribute("aria-valuetext")
    ada.page.locator(".readout").wait_for()
    ada.page.keyboard.press("Shift+ArrowLeft")
    ada.page.keyboard.press("Shift+ArrowLeft")
    ada.page.locator("rect.band").wait_for()
    ada.page.keyboard.press("Enter")
    ada.page.get_by_label(ada.t("usage.from"), exact=True).wait_for()
    assert "range=custom" in ada.page.url
    assert ada.page.get_by_label(ada.t("usage.to"), exact=True).input_value() == today["group"]
    ada.page.go_back()
    ada.page.get_by_label(ada.t("usage.from"), exact=True).wait_for(state="detached")
    assert ada.page.get_by_role("radio", name="7 days", exact=True).is_checked()


def test_a_chart_under_the_mouse_and_as_a_table(site: Server, person: Any) -> None:
    """Protects who looks closer: the cursor tells the values, a drag chooses days, and the table
    holds the same figures as the columns."""
    ada = person(site)
    chart = _usage(ada, "?range=month&measure=tokens")
    box = chart.bounding_box()
    ada.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 60)
    ada.page.locator(".readout").wait_for()
    ada.page.mouse.down()
    ada.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    ada.page.mouse.up()
    ada.page.get_by_label(ada.t("usage.from"), exact=True).wait_for()
    total = ada.page.locator("tfoot td").nth(2).inner_text().replace(",", "")
    written = ada.page.locator("tfoot td").nth(4).inner_text().replace(",", "")
    ada.button("chart.as_table").click()
    table = ada.page.get_by_role("table", name=ada.t("usage.over_tokens"))
    column = table.locator("tbody tr td:last-child").all_inner_texts()
    assert sum(int(each.replace(",", "")) for each in column) == int(total) + int(written)


def test_usage_by_member_leads_to_the_keys(site: Server, person: Any) -> None:
    """Protects who shares a bill: what a member asked in the console and by keys of the member's
    own counts for the member, and the line leads to those keys."""
    ada = person(site)
    ada.sign_in()
    made = ada.page.evaluate(
        """async () => {
          const { csrf } = await (await fetch("/kn/v1/session")).json();
          const json = { "content-type": "application/json" };
          const made = await fetch("/kn/v1/keys", {
            method: "POST", headers: { ...json, "x-kilonova-csrf": csrf },
            body: JSON.stringify({ name: "of Ada" }),
          });
          const key = await made.json();
          const asked = await fetch("/v1/chat/completions", {
            method: "POST",
            headers: { ...json, authorization: `Bearer ${key.bearer_key}` },
            body: JSON.stringify({
              model: "kilonova.echo-v1:0", messages: [{ role: "user", content: "hello" }],
            }),
          });
          await asked.json();
          return key.id;
        }"""
    )
    ada.go("/usage?by=member")
    page = ada.page
    page.get_by_role("link", name="Ada Lovelace").click()
    page.get_by_role("link", name="of Ada").wait_for()
    assert page.get_by_label(ada.t("usage.col_member"), exact=True).locator(
        "option:checked"
    ).inner_text() == ("Ada Lovelace")
    mine: Any = site.admin("GET", f"/usage?group_by=member&key={made}")
    assert [each["requests"] for each in mine["data"]] == [1]
    ada.walk("/keys")
    row = page.get_by_role("row").filter(has_text="of Ada")
    assert "Ada Lovelace" in row.inner_text()


def test_a_request_is_found_and_explained(site: Server, person: Any) -> None:
    """Protects who asks why it took so long: the slow ones are found by their seconds, one is
    opened by its id, and the lines of its price are those of the books."""
    ada = person(site)
    ada.sign_in()
    ada.walk("/requests?took_s=3600")
    ada.page.get_by_text(ada.t("requests.none")).wait_for()
    ada.page.get_by_label(ada.t("requests.least_took_s"), exact=True).fill("")
    ada.page.keyboard.press("Enter")
    ada.page.locator("tbody tr").first.wait_for()
    newest: Any = site.admin("GET", "/requests?order=newest&limit=1")
    (record,) = newest["data"]
    field = ada.page.get_by_role("textbox", name=ada.t("requests.seek_id"))
    field.fill(record["id"])
    field.press("Enter")
    dialog = ada.page.get_by_role("dialog")
    dialog.locator(".waterfall").wait_for()
    detail: Any = site.admin("GET", f"/requests/{record['id']}")
    rows = dialog.get_by_role("table", name=ada.t("requests.lines")).locator("tbody tr")
    assert rows.count() == len(detail["lines"])
    dialog.get_by_text(ada.t("requests.entries")).click()
    ledger = dialog.get_by_role("table", name=ada.t("requests.entries")).inner_text()
    assert all(each["account"] in ledger for each in detail["entries"])


@pytest.mark.parametrize("path", ["/usage", "/requests", "/keys", "/members", "/statement"])
def test_tables_need_no_sideways_scrolling_on_a_phone(site: Server, person: Any, path: str) -> None:
    """Protects who looks on a phone: each row is a card, each figure stands behind its heading, and
    nothing has to be pulled sideways."""
    ada = person(site, width=360)
    ada.sign_in()
    ada.walk(path)
    ada.page.locator("tbody tr").first.wait_for()
    over = ada.page.evaluate(
        "[...document.querySelectorAll('.table-wrap')]"
        ".map((each) => each.scrollWidth - each.clientWidth)"
    )
    assert over
    assert max(over) <= 0
    cell = ada.page.locator("td[data-label]").first
    label = cell.evaluate("each => getComputedStyle(each, '::before').content")
    assert label == f'"{cell.get_attribute("data-label")}"'


def test_the_largest_screen_has_no_endless_lines(site: Server, person: Any) -> None:
    """Protects who has a large screen: charts use the room, prose stays below 90 signs a line."""
    ada = person(site, width=3840)
    chart = _usage(ada)
    assert chart.bounding_box()["width"] > 2000
    widths = ada.page.evaluate(
        "[...document.querySelectorAll('main p')].filter((each) => each.textContent.length > 60)"
        ".map((each) => each.getBoundingClientRect().width"
        " / parseFloat(getComputedStyle(each).fontSize))"
    )
    assert all(width <= 45 for width in widths), widths
