"""Children that die, do not start, or must not serve."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engines.engine_files import PLAIN_TEMPLATE, write_tiny_model
from engines.subjects import WEATHER, answer, ask, events_of, until
from kilonova.core.chat import Sampling, ToolChoice
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import ContextTooLong, EngineFailed, InvalidRequest, ModelNotReady
from kilonova.core.events import ChatFinished, ToolCallStarted
from kilonova.engines.llamacpp import process
from kilonova.engines.llamacpp.engine import LlamaCpp
from kilonova.engines.llamacpp.launch import Options

_BROKEN_CHILD = str(Path(__file__).with_name("broken_child.py"))


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[list[LlamaCpp]]:
    """Engines that a test puts in here are stopped after it."""
    engines: list[LlamaCpp] = []
    yield engines
    for engine in engines:
        await engine.stop()


async def _start(opened: list[LlamaCpp], model: Path, **options: object) -> LlamaCpp:
    engine = LlamaCpp("test", Options(model=str(model), **options))  # type: ignore[arg-type]
    opened.append(engine)
    await engine.start()
    return engine


async def test_a_killed_child_breaks_its_stream_and_comes_back(
    opened: list[LlamaCpp], tiny_model: Path
) -> None:
    engine = await _start(opened, tiny_model, parallel=1)
    child = await engine.supervisor.ready()
    stream = engine.chat(ask("Tell me a story.", max_output_tokens=1500))
    for _ in range(3):
        await anext(stream)
    os.kill(child.process.id, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        async for _ in stream:
            pass
    found = await answer(engine, ask("Again.", max_output_tokens=2))
    assert found.usage.output_tokens == 2
    assert engine.supervisor.starts == 2
    assert not Path(child.process.spec.folder).exists()


async def test_a_request_that_kills_twice_is_refused_the_third_time(
    opened: list[LlamaCpp], tiny_model: Path
) -> None:
    engine = await _start(opened, tiny_model, parallel=1)
    poison = ask("Poison.", max_output_tokens=1900)
    for _ in range(2):
        child = await engine.supervisor.ready()
        stream = engine.chat(poison)
        await anext(stream)
        await anext(stream)
        os.kill(child.process.id, signal.SIGKILL)
        with pytest.raises(EngineFailed):
            async for _ in stream:
                pass
    with pytest.raises(InvalidRequest, match="twice"):
        await answer(engine, poison)
    assert (await answer(engine, ask("Other.", max_output_tokens=2))).usage.output_tokens == 2


async def test_stopping_leaves_no_process_and_no_folder(
    opened: list[LlamaCpp], tiny_model: Path
) -> None:
    engine = await _start(opened, tiny_model)
    child = await engine.supervisor.ready()
    assert (Path(child.process.spec.folder).stat().st_mode & 0o777) == 0o700
    assert (Path(child.process.spec.socket_path).stat().st_mode & 0o077) == 0
    assert not (Path(child.process.spec.folder) / "spec.json").exists()
    await engine.stop()
    assert not child.process.is_running
    assert not Path(child.process.spec.folder).exists()
    with pytest.raises(ModelNotReady):
        await engine.count_tokens(ask("x"))


async def test_stopping_lets_a_running_answer_finish(
    opened: list[LlamaCpp], tiny_model: Path
) -> None:
    engine = await _start(opened, tiny_model)
    await engine.supervisor.ready()
    stream = engine.chat(ask("x", max_output_tokens=200))
    await anext(stream)
    await anext(stream)
    stopping = asyncio.create_task(engine.stop())
    events = [event async for event in stream]
    await stopping
    assert isinstance(events[-1], ChatFinished)
    assert events[-1].usage.output_tokens == 200


async def test_a_child_dies_with_its_parent(tiny_model: Path, tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from kilonova.engines.llamacpp.engine import LlamaCpp\n"
        "from kilonova.engines.llamacpp.launch import Options\n"
        "async def main():\n"
        "    engine = LlamaCpp('orphan', Options(model=sys.argv[1]))\n"
        "    await engine.start()\n"
        "    child = await engine.supervisor.ready()\n"
        "    print(child.process.id, child.process.spec.folder, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    environment = process._environment()
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        str(tiny_model),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert parent.stdout is not None
    child_id, folder = (await parent.stdout.readline()).decode().split()
    parent.kill()
    await parent.wait()

    async def is_gone() -> bool:
        return not Path(folder).exists() and not _is_alive(int(child_id))

    await until(is_gone, seconds=5)


def _is_alive(process_id: int) -> bool:
    status = Path(f"/proc/{process_id}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("setting", ["no_key", "shared_cache", "similar_slots", "unified"])
async def test_a_child_that_lost_a_mandatory_setting_does_not_serve(
    opened: list[LlamaCpp], tiny_model: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_COMMAND", (sys.executable, _BROKEN_CHILD, setting))
    engine = await _start(opened, tiny_model, context_tokens=512, ready_wait_s=0.0)

    async def has_failed() -> bool:
        return "again in" in (await engine.health()).detail

    await until(has_failed, seconds=10)
    health = await engine.health()
    assert not health.is_ready
    assert "the child" in health.detail
    with pytest.raises(ModelNotReady):
        await answer(engine, ask("x"))


async def test_a_hostile_file_is_never_given_to_a_child(
    opened: list[LlamaCpp], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\xff" * 100)
    engine = await _start(opened, bad)
    with pytest.raises(ModelNotReady):
        await engine.count_tokens(ask("x"))
    assert "version" in (await engine.health()).detail
    assert engine.supervisor.starts == 1


async def test_a_file_with_another_digest_is_not_loaded(
    opened: list[LlamaCpp], tiny_model: Path
) -> None:
    engine = await _start(opened, tiny_model, sha256="0" * 64)
    with pytest.raises(ModelNotReady):
        await engine.count_tokens(ask("x"))
    assert "SHA-256" in (await engine.health()).detail


async def test_a_template_without_tools_still_makes_forced_calls(
    opened: list[LlamaCpp], tmp_path: Path
) -> None:
    model = write_tiny_model(tmp_path / "plain.gguf", template=PLAIN_TEMPLATE)
    engine = await _start(opened, model, parallel=1)
    forced = ask("Go.", tools=(WEATHER,), tool_choice=ToolChoice("required"), max_output_tokens=200)
    events = await events_of(engine, forced)
    assert isinstance(events[1], ToolCallStarted)
    free = ask("Go.", tools=(WEATHER,), max_output_tokens=5, sampling=Sampling(temperature=0))
    assert (await answer(engine, free)).usage.prompt_tokens == await engine.count_tokens(free)


async def test_an_embedding_model_makes_vectors_and_nothing_else(
    opened: list[LlamaCpp], tiny_model: Path
) -> None:
    engine = await _start(opened, tiny_model, embedding=True, context_tokens=256)
    found = await engine.embed(EmbeddingRequest(model="m", texts=("one", "two words", "one")))
    assert [len(vector) for vector in found.vectors] == [64, 64, 64]
    assert found.vectors[0] == pytest.approx(found.vectors[2], abs=1e-3)
    assert sum(value * value for value in found.vectors[1]) == pytest.approx(1, abs=1e-3)
    assert found.input_tokens > 3
    with pytest.raises(ContextTooLong):
        await engine.embed(EmbeddingRequest(model="m", texts=("long " * 200,)))
    with pytest.raises(InvalidRequest):
        await engine.embed(EmbeddingRequest(model="m", texts=("one",), dimensions=3))
    with pytest.raises(InvalidRequest):
        await answer(engine, ask("x"))
