"""The code that the console shows runs as it is: every SDK, whole and streamed, with a tool."""

import json
import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from browser.person import Person
from javascript import node
from servers import Server

pytestmark = pytest.mark.xdist_group("browser-screens")

PYTHON = ("OpenAI", "AWS boto3", "Anthropic", "Google GenAI")
QUESTION = 'it\'s "quoted"\n$HOME `x` \\n é 🙂'
_ECHO = "kilonova.echo-v1:0"


def _open_code(ada: Person, question: str) -> Any:
    """The window with the code of one question to the echo model."""
    ada.sign_in()
    ada.walk("/compare")
    ada.page.get_by_label(ada.t("compare.question")).fill(question)
    ada.page.get_by_label(ada.t("compare.model", count=1)).select_option(_ECHO)
    ada.page.get_by_role("button", name="Show code for").first.click()
    return ada.page.get_by_role("dialog")


def _shown(ada: Person, dialog: Any, sdk: str, *, is_streamed: bool, has_tool: bool) -> str:
    dialog.get_by_role("radio", name=sdk, exact=True).check()
    dialog.get_by_label(ada.t("code.streamed"), exact=True).set_checked(is_streamed)
    dialog.get_by_label(ada.t("code.with_tool"), exact=True).set_checked(has_tool)
    code: str = dialog.locator(".code code").last.text_content()
    assert "kn_live" not in code
    return code


@pytest.fixture
def keys(site: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key where the programs look for it."""
    for name, value in (
        ("KILONOVA_API_KEY", site.bearer_key),
        ("AWS_ACCESS_KEY_ID", site.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", site.secret_access_key),
    ):
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("has_tool", [False, True])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_the_python_that_is_shown_runs(
    site: Server,
    person: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    is_streamed: bool,
    has_tool: bool,
) -> None:
    """Protects newcomers: what the window shows for each vendor's SDK runs as it is, the question
    arrives to the last sign, and a call of a tool is printed with its arguments."""
    ada = person(site)
    question = "[[echo: call]] the weather" if has_tool else QUESTION
    dialog = _open_code(ada, question)
    program = tmp_path / "program.py"
    for sdk in PYTHON:
        code = _shown(ada, dialog, sdk, is_streamed=is_streamed, has_tool=has_tool)
        program.write_text(code)
        runpy.run_path(str(program), run_name="__main__")
        said = capsys.readouterr().out.strip()
        if has_tool:
            assert said.startswith("get_weather"), (sdk, said)
            assert "city" in said, (sdk, said)
        else:
            assert said == question, sdk


@pytest.mark.usefixtures("keys")
def test_the_shell_and_javascript_that_are_shown_run(
    site: Server, person: Any, tmp_path: Path
) -> None:
    """Protects newcomers who write no Python: curl's and JavaScript's programs run as they are."""
    ada = person(site)
    dialog = _open_code(ada, QUESTION)
    curl = tmp_path / "program.sh"
    curl.write_text(_shown(ada, dialog, "curl", is_streamed=False, has_tool=False))
    said = json.loads(_output("bash", str(curl)))
    assert said["choices"][0]["message"]["content"] == QUESTION
    curl.write_text(_shown(ada, dialog, "curl", is_streamed=True, has_tool=True))
    events = _output("bash", str(curl)).split("\n\n")
    assert events[-2] == "data: [DONE]"
    if node.missing():
        return
    node.install()
    for is_streamed in (False, True):
        code = _shown(ada, dialog, "JavaScript", is_streamed=is_streamed, has_tool=False)
        assert _javascript(code).strip() == QUESTION
    ada.page.keyboard.press("Escape")
    dialog = _open_code(ada, "[[echo: call]] the weather")
    for is_streamed in (False, True):
        code = _shown(ada, dialog, "JavaScript", is_streamed=is_streamed, has_tool=True)
        name, _, arguments = _javascript(code).strip().partition(" ")
        assert (name, list(json.loads(arguments))) == ("get_weather", ["city"])


def _javascript(code: str) -> str:
    """As a module from standard input, beside the SDKs that are installed."""
    return _output("node", "--input-type=module", "-", text=code)


def _output(*command: str, text: str = "") -> str:
    ran = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(node.__file__).parent,
        env=os.environ,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
