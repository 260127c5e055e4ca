"""One application with a recording engine, for every wire."""

from collections.abc import Iterator

import pytest

from differential import canon
from differential.heard import Reach, Wire
from differential.recorder import Recorder
from differential.wires import WIRES, Speech
from in_process import Running, serve_in_thread

pytest.register_assert_rewrite("differential.checks")


@pytest.fixture(scope="session")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="session")
def running(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve_in_thread(tmp_path_factory.mktemp("wires"), recorder, config=canon.models()) as one:
        yield one


@pytest.fixture(params=sorted(WIRES))
def speech(request: pytest.FixtureRequest) -> Speech:
    return WIRES[request.param]


@pytest.fixture
def wire(running: Running, speech: Speech) -> Iterator[Wire]:
    key = running.key
    assert key.bearer
    assert key.access_key_id
    assert key.secret
    reach = Reach(
        url=running.url,
        bearer=key.bearer,
        access_key_id=key.access_key_id,
        secret=key.secret,
        model=speech.model,
    )
    one = speech.open(reach)
    yield one
    one.close()
