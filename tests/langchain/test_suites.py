"""LangChain's standard suite, through each of its classes, against a running server."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from langchain import environment
from servers import Server, cli, start_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("langchain")]

_SUITES = Path(__file__).parent / "suites"
_RUN_S = 600
_CLASSES = (
    "TestAnthropic", "TestAzureOpenAI", "TestBedrock", "TestBedrockConverse",
    "TestBedrockInvoke", "TestGoogle", "TestOpenAI", "TestOpenAIResponses",
)  # fmt: skip
# What no packaged model can, and what LangChain records of other servers.
_SKIPPED = {
    "test_audio_inputs", "test_image_inputs", "test_image_tool_message",
    "test_json_mode", "test_pdf_inputs", "test_pdf_tool_message", "test_stream_time",
}  # fmt: skip
# Only OpenAI's classes take the model of a single call.
_OVERRIDES = {
    "test_invoke_with_model_override", "test_ainvoke_with_model_override",
    "test_stream_with_model_override", "test_astream_with_model_override",
}  # fmt: skip
# Only clients of Anthropic's models take messages in their form.
_FORMS = {"test_anthropic_inputs"}
_OTHER_FORMS = {"TestAzureOpenAI", "TestGoogle", "TestOpenAI", "TestOpenAIResponses"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ET.Element]:
    """What became of every test of every class."""
    if reason := environment.install():
        pytest.skip(f"LangChain cannot be installed: {reason}")
    running = start_server(tmp_path_factory.mktemp("langchain"))
    try:
        yield _run(running, running.home / "report.xml")
    finally:
        assert running.stop() == 0
        verified = cli("ledger", "verify", "--json", home=running.home, check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr


def _run(server: Server, report: Path) -> ET.Element:
    key = server.new_key()
    command = [environment.PYTHON, "-m", "pytest", "-c", _SUITES / "pytest.ini"]
    command += ["--rootdir", _SUITES, "--confcutdir", _SUITES, f"--junitxml={report}", _SUITES]
    variables = {
        **os.environ,
        "KILONOVA_URL": server.url,
        "KILONOVA_BEARER_KEY": key["bearer_key"],
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        "LANGSMITH_TRACING": "false",
    }
    # Neither the options nor the modules of the tests that run this one.
    for name in ("PYTEST_ADDOPTS", "PYTHONPATH"):
        variables.pop(name, None)
    done = subprocess.run(
        command, check=False, env=variables, capture_output=True, text=True, timeout=_RUN_S
    )
    assert report.exists(), done.stdout + done.stderr
    return ET.parse(report).getroot()


def _cases(report: ET.Element, outcome: str) -> dict[str, str]:
    """The tests that ended so, and what was said about them."""
    return {
        f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}": found.get(
            "message", ""
        )
        for case in report.iter("testcase")
        if (found := case.find(outcome)) is not None
    }


def test_every_class_passes(report: ET.Element) -> None:
    """Protects users of LangChain: each class does all that LangChain expects of its kind."""
    failed = _cases(report, "failure") | _cases(report, "error")
    assert not failed, "\n".join(f"{name}: {why}" for name, why in failed.items())
    ran = Counter(case.get("classname", "").rpartition(".")[2] for case in report.iter("testcase"))
    assert set(ran) == set(_CLASSES)
    assert min(ran.values()) >= 45


def test_only_missing_abilities_are_skipped(report: ET.Element) -> None:
    """Protects the test above from classes that pass by not being asked."""
    skipped: dict[str, set[str]] = {name: set() for name in _CLASSES}
    for case in _cases(report, "skipped"):
        kind, _, test = case.partition(".")
        skipped[kind].add(test.partition("[")[0])
    for kind, tests in skipped.items():
        overrides = set() if kind.startswith("TestOpenAI") else _OVERRIDES
        forms = _FORMS if kind in _OTHER_FORMS else set()
        assert tests <= _SKIPPED | overrides | forms, kind
