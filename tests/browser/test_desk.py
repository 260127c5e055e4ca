"""The screens of who runs things: members, limits, requests, statement, usage, compare, code."""

import csv
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import anthropic
import openai
import pytest

from browser.conftest import setup_token
from browser.person import PASSWORD, Person
from servers import Server, served

pytestmark = pytest.mark.xdist_group("browser-desk")

MODEL = "kilonova.echo-v1:0"
VARIANTS = [
    ("en", "light", 1280), ("en", "dark", 360), ("fr", "light", 360), ("fr", "dark", 1280),
]  # fmt: skip

QUICK = "house.quick-v1"
_CONFIG = """
[engines.spark]
enabled = false

[engines.embed]
enabled = false

[console]
sign_ins_per_minute = 1000

[prices]
currency = "EUR"

[models."house.quick-v1"]
name = "Quick"
provider = "House"
engine = "echo"
engine_model = "kilonova.echo-v1:0"
context_tokens = 8192

[resources.machine]
rent_hour = "0.03"
watts_idle = 60
watts_max = 220
grid_g_kwh = 35
sensors = []
"""
_PRICES = """
version = "test"
currency = "EUR"
unit = "1M tokens"

[[rows]]
model = "kilonova.echo-v1:0"
input = "400"
output = "1600"

[[rows]]
model = "house.quick-v1"
input = "90"
output = "300"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in euros with an owner, a colleague, an invitation, budgets, and some requests."""
    home = tmp_path_factory.mktemp("house")
    (home / "prices.toml").write_text(_PRICES)
    with served(home, config=_CONFIG) as running:
        _people(running)
        production: Any = running.admin("POST", "/keys", {"name": "production"})
        night: Any = running.admin("POST", "/keys", {"name": "night shift"})
        for level, limits in (
            (production["id"], {"budget_month": "3", "tokens_per_minute": 90_000}),
            (night["id"], {"budget_day": "1.5", "soft": ["day"]}),
            (night["project_id"], {"budget_month": "20", "requests_per_minute": 600}),
            (night["organisation_id"], {"budget_day": "12.50", "budget": "500"}),
        ):
            running.admin("PATCH", f"/limits/{level}", limits)
        _requests(running, production["bearer_key"], night["bearer_key"])
        yield running


def _people(running: Server) -> None:
    owner = {
        "token": setup_token(running), "email": "ada@example.com", "name": "Ada Lovelace",
        "password": PASSWORD,
    }  # fmt: skip
    running.admin("POST", "/setup", owner)
    sent: Any = running.admin(
        "POST", "/invitations", {"email": "grace@example.com", "role": "developer"}
    )
    joined = {"token": sent["token"], "name": "Grace Hopper", "password": PASSWORD}
    running.admin("POST", "/invitations/join", joined)
    running.admin("POST", "/invitations", {"email": "alan@example.com", "role": "viewer"})


def _requests(running: Server, production: str, night: str) -> None:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=production, max_retries=0) as client:
        for text, most in (
            ("Hello there", 9),
            ("[[echo: tokens=1200]] long", 1300),
            ("[[echo: tokens=300]] x", 400),
        ):
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": text}], max_tokens=most
            )
    with anthropic.Anthropic(base_url=running.url, api_key=night, max_retries=0) as other:
        for model, text in (
            (QUICK, "How are you?"),
            (QUICK, "[[echo: tokens=900]] y"),
            (MODEL, "[[echo: tokens=300, delay_ms=4]] slow"),
        ):
            other.messages.create(
                model=model, max_tokens=1000, messages=[{"role": "user", "content": text}]
            )


def _ready(selector: str) -> Callable[[Person], None]:
    return lambda ada: ada.page.locator(selector).first.wait_for()


def _invite(ada: Person) -> None:
    ada.button("members.invite").click()
    ada.page.get_by_role("dialog").get_by_label(ada.t("gate.email")).fill("new@example.com")


def _link(ada: Person) -> None:
    _invite(ada)
    ada.button("members.make_link").click()
    ada.page.locator(".secret code").wait_for()


def _edit_limits(ada: Person) -> None:
    ada.button("budgets.edit_named", name="production").click()
    ada.page.get_by_role("dialog").wait_for()


def _one_request(ada: Person) -> None:
    ada.page.locator("tbody tr a").first.click()
    ada.page.locator(".waterfall").wait_for()


def _no_request(ada: Person) -> None:
    ada.page.get_by_label(ada.t("requests.outcome")).select_option("recovered")
    ada.page.locator(".empty").wait_for()


def _statement_table(ada: Person) -> None:
    ada.page.locator(".pairs").wait_for()
    ada.button("chart.as_table").click()


def _no_statement(ada: Person) -> None:
    ada.page.get_by_label(ada.t("period.last_month")).check()
    ada.page.locator(".empty").wait_for()


def _usage(ada: Person) -> None:
    ada.page.get_by_role("radio", name=ada.t("usage.by_day"), exact=True).check()
    ada.page.get_by_role("radio", name=ada.t("usage.price"), exact=True).check()
    ada.page.locator("tfoot").wait_for()


def _compared(ada: Person) -> None:
    ada.page.get_by_label(ada.t("compare.question")).fill("Say **hello** to `everybody` here.")
    ada.button("compare.ask").click()
    ada.page.locator("tfoot").wait_for()


def _code(ada: Person) -> None:
    ada.button("code.show_of", model="Quick").first.click()
    ada.page.get_by_role("dialog").wait_for()


# In French, too, in the docs.
FRENCH = {"usage-price", "statement", "request"}
SCREENS: list[tuple[str, str, Callable[[Person], None]]] = [
    ("members", "/members", _ready("tbody tr")),
    ("invite", "/members", _invite),
    ("invitation-link", "/members", _link),
    ("limits", "/limits", _ready(".budget")),
    ("edit-limits", "/limits", _edit_limits),
    ("requests", "/requests", _ready("tbody tr")),
    ("request", "/requests", _one_request),
    ("requests-none", "/requests", _no_request),
    ("statement", "/statement", _ready(".pairs")),
    ("statement-table", "/statement", _statement_table),
    ("statement-none", "/statement", _no_statement),
    ("usage-price", "/usage", _usage),
    ("compare", "/compare", _ready(".lane")),
    ("compared", "/compare", _compared),
    ("show-code", "/compare", _code),
]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "scheme", "width"), VARIANTS)
def test_every_desk(
    house: Server, person: Any, pictures: Path | None, *, language: str, scheme: str, width: int
) -> None:
    """Protects everybody: WCAG 2.2 AA by axe, nothing over the edge, no error in the browser's
    console, on the screens of who runs things and in the states that matter."""
    ada = person(house, language=language, scheme=scheme, width=width)
    ada.sign_in()
    complaints = []
    for name, path, prepare in SCREENS:
        ada.walk(path)
        ada.page.get_by_role("heading", level=1).wait_for()
        prepare(ada)
        ada.settle()
        complaints += [f"{name}: {each}" for each in ada.complaints()]
        if pictures is not None and (language == "en" or name in FRENCH):
            place = pictures / f"{name}-{language}-{scheme}-{width}.png"
            whole = width > 900
            ada.page.screenshot(path=place, animations="disabled", full_page=whole)
    assert complaints == [], "\n".join(complaints)


def test_a_link_lets_a_colleague_in_once(house: Server, person: Any) -> None:
    """Protects the organisation: a link is shown once and works once, a role acts at the next
    request, and who is signed out or removed is out at once."""
    ada, alan = person(house), person(house)
    ada.sign_in()
    ada.walk("/members")
    ada.page.locator("tbody tr").first.wait_for()
    ada.button("members.invite").click()
    dialog = ada.page.get_by_role("dialog")
    dialog.get_by_label(ada.t("gate.email")).fill("kay@example.com")
    dialog.get_by_label(ada.t("account.role")).select_option("viewer")
    ada.button("members.make_link").click()
    link = ada.page.locator(".secret code").inner_text()
    ada.button("members.kept").click()
    assert link not in ada.page.content()

    alan.page.goto(link)
    alan.page.get_by_label(alan.t("gate.name")).fill("Kay Alan")
    alan.page.get_by_label(alan.t("gate.password")).fill(PASSWORD)
    alan.button("gate.join_action").click()
    alan.page.get_by_role("heading", name="Hello, Kay").wait_for()
    again = person(house)
    again.page.goto(link)
    again.page.get_by_text(again.t("error.not_found.invitation")).wait_for()

    ada.walk("/members")
    role = ada.page.get_by_label(ada.t("members.role_of", name="Kay Alan"))
    role.select_option("developer")
    ada.page.get_by_text("Kay Alan is now developer").wait_for()
    alan.page.reload()
    alan.page.get_by_role("link", name=alan.t("nav.compare"), exact=True).wait_for()
    assert alan.page.get_by_role("link", name=alan.t("nav.statement"), exact=True).count() == 0

    ada.button("members.sign_out_named", name="Kay Alan").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    ada.page.get_by_text("Kay Alan is signed out everywhere").wait_for()
    alan.page.get_by_role("link", name=alan.t("nav.keys"), exact=True).click()
    alan.page.get_by_role("heading", name=alan.t("gate.title")).wait_for()

    ada.button("members.remove_named", name="Kay Alan").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    ada.page.get_by_text("Kay Alan is removed").wait_for()
    ada.page.locator("td.name", has_text="Kay").wait_for(state="detached")


def test_a_limit_that_is_changed_acts_at_once(house: Server, person: Any) -> None:
    """Protects whose money it is: a budget set on the screen refuses the next request, and the
    screen says what is spent and left, in the currency of the books."""
    made: Any = house.admin("POST", "/keys", {"name": "trial"})
    ada = person(house)
    ada.sign_in()
    ada.walk("/limits")
    ada.button("budgets.edit_named", name="trial").click()
    dialog = ada.page.get_by_role("dialog")
    dialog.get_by_label("Budget a day", exact=True).fill("0,5")
    dialog.get_by_label("Requests a minute").fill("60")
    ada.button("budgets.save").click()
    row = ada.page.locator(".levels > li", has_text="trial")
    row.get_by_text("€0.00 of €0.50").wait_for()
    row.get_by_text("60 requests a minute").wait_for()
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key=made["bearer_key"]) as client:
        how: Any = {"model": MODEL, "messages": [{"role": "user", "content": "one two"}]}
        client.chat.completions.create(**how, max_tokens=50)
        with pytest.raises(openai.RateLimitError, match="budget"):
            client.with_options(max_retries=0).chat.completions.create(**how, max_tokens=4000)
    ada.walk("/limits")
    row.get_by_text("€0.004 of €0.50").wait_for()
    seen: Any = house.admin("GET", f"/limits/{made['id']}")
    assert seen["limits"]["budget_day"] == "0.500000000"


def test_from_usage_to_a_request(house: Server, person: Any) -> None:
    """Protects who asks why it costs so much: from a line of usage to its requests, from there to
    one request; filters and pages find what there is, and nothing that was said is shown."""
    ada = person(house)
    page = ada.page
    ada.sign_in()
    ada.walk("/usage")
    page.locator("tfoot").wait_for()
    page.get_by_role("link", name=QUICK).click()
    page.get_by_role("heading", level=1, name=ada.t("nav.requests")).wait_for()
    rows = page.locator("tbody tr")
    rows.first.wait_for()
    wanted: Any = house.admin("GET", f"/requests?model={QUICK}&limit=1000")
    assert rows.count() == len(wanted["data"])
    assert page.get_by_label(ada.t("usage.col_model"), exact=True).input_value() == QUICK
    page.get_by_label(ada.t("usage.col_dialect"), exact=True).select_option("anthropic")
    page.get_by_label(ada.t("usage.col_key"), exact=True).select_option(label="night shift")
    page.get_by_text("2 requests on this page").wait_for()
    rows.first.get_by_role("link").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Until the first token").wait_for()
    identity = dialog.locator(".secret code").inner_text()
    record = next(each for each in wanted["data"] if each["id"] == identity)
    assert f"{record['output_tokens']:,}" in dialog.inner_text()
    page.reload()
    dialog.get_by_text("Until the first token").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("2 requests on this page").wait_for()
    assert identity not in page.url


def test_the_file_of_usage_is_the_invoice(house: Server, person: Any) -> None:
    """Protects who checks a bill: the lines of the month's CSV add up to the net of its invoice,
    and to the statement's revenue, to the nano-unit."""
    ada = person(house)
    ada.sign_in()
    ada.walk("/usage")
    button = ada.page.get_by_role("button", name="CSV")
    button.wait_for()
    ada.page.get_by_role("radio", name="This month", exact=True).check()
    with ada.page.expect_download() as saving:
        button.click()  # it is there again as soon as the month is
    with saving.value.path().open(newline="") as file:
        lines = list(csv.DictReader(file))
    total = sum((Decimal(line["price"]) for line in lines), Decimal(0))
    assert total > 3
    (organisation,) = cast(Any, house.admin("GET", "/organisations"))["data"]
    first = saving.value.suggested_filename.removeprefix("kilonova-usage-")[:10]
    assert first.endswith("-01")
    month = first[:7]
    drawn: Any = house.admin("GET", f"/invoices/{organisation['id']}?period={month}&format=json")
    invoice = json.loads(drawn["content"])
    statement: Any = house.admin(
        "GET", f"/statements/pnl?period={month}&organisation={organisation['id']}"
    )
    assert Decimal(statement["data"][0]["total"]["revenue"]) == total
    assert sum(Decimal(line["amount"]) for line in invoice["lines"]) == total


def test_one_of_two_answers_is_stopped(house: Server, person: Any) -> None:
    """Protects who compares: answers come side by side, one is stopped alone and billed for what it
    wrote, the other goes on, and the totals are those of the books."""
    ada = person(house)
    page = ada.page
    ada.sign_in()
    ada.walk("/compare")
    lanes = page.locator(".lane")
    lanes.first.wait_for()
    page.get_by_label("Model 1").select_option(QUICK)
    page.get_by_label("Model 2").select_option(MODEL)
    page.get_by_label(ada.t("compare.question")).fill("[[echo: tokens=60, delay_ms=60]] again")
    page.keyboard.press("Control+Enter")
    lanes.nth(1).get_by_text("again again").wait_for()
    page.get_by_role("button", name="Stop Quick").click()
    lanes.first.get_by_text("stopped", exact=True).wait_for()
    rows = page.locator("tbody tr")
    rows.nth(1).wait_for()
    found: Any = house.admin("GET", "/requests?order=newest&limit=2")
    by_model = {each["model_id"]: each for each in found["data"]}
    assert by_model[QUICK]["outcome"] == "cancelled"
    assert 0 < by_model[QUICK]["output_tokens"] < 60
    assert (by_model[MODEL]["outcome"], by_model[MODEL]["output_tokens"]) == ("completed", 60)
    for row in rows.all():
        model = row.locator("td.name").inner_text()
        written = row.locator(f"td[data-label='{ada.t('usage.output')}']").inner_text()
        assert written == str(by_model[model]["output_tokens"])
