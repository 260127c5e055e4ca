"""One engine of each kind, shared by all tests of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engines.engine_files import write_tiny_model
from engines.fake_openai import FakeOpenAi
from engines.subjects import Subject
from kilonova.engines import open_engine
from kilonova.engines.echo import Echo
from kilonova.engines.llamacpp.engine import LlamaCpp

_ECHO_LONG = "[[echo: tokens=64]] one two three four five six seven eight nine ten"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def llamacpp(tiny_model: Path) -> AsyncIterator[LlamaCpp]:
    engine = open_engine("llamacpp", "tiny", {"model": str(tiny_model)}, home=tiny_model.parent)
    assert isinstance(engine, LlamaCpp)
    await engine.start()
    yield engine
    await engine.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fake_openai() -> AsyncIterator[FakeOpenAi]:
    fake = FakeOpenAi(Echo("inside", Echo.Options(context_tokens=4000)))
    await fake.start()
    yield fake
    await fake.stop()


@pytest_asyncio.fixture(
    scope="session", loop_scope="session", params=["echo", "upstream", "llamacpp"]
)
async def subject(
    request: pytest.FixtureRequest, llamacpp: LlamaCpp, fake_openai: FakeOpenAi
) -> AsyncIterator[Subject]:
    if request.param == "llamacpp":

        async def busy() -> int:
            child = await llamacpp.supervisor.ready()
            running, _ = await child.server.progress()
            return running + child.slots.busy

        yield Subject("llamacpp", llamacpp, "Tell me a story.", busy, counts_exactly=True)
        return
    if request.param == "upstream":
        options: dict[str, object] = {
            "url": fake_openai.url,
            "completes_prompts": True,
            "continues_with": "continue_final_message",
            "thinking_switch": "enable_thinking",
            "budget_field": "thinking_budget",
        }
        engine = open_engine("upstream", "up", options, home=Path())
        echo = fake_openai.echo
    else:
        echo = engine = Echo("echo", Echo.Options(context_tokens=4000))

    async def running() -> int:
        return echo.running

    await engine.start()
    yield Subject(request.param, engine, _ECHO_LONG, running, request.param == "echo")
    await engine.stop()
