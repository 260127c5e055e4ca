"""Asynchronous invocations through the real boto3: asked now, answered into a folder."""

import json
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from contract.boto3_client import boto3_client
from servers import Server, start_server

ECHO = "kilonova.echo-v1:0"
_WAIT_S = 20.0


def _input(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


def _start(client: Any, text: str, uri: str = "s3://my-bucket/answers", **more: Any) -> str:
    started = client.start_async_invoke(
        modelId=ECHO,
        modelInput=_input(text),
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": uri}},
        **more,
    )
    arn: str = started["invocationArn"]
    return arn


def _finish(client: Any, arn: str) -> dict[str, Any]:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get_async_invoke(invocationArn=arn)
        if found["status"] != "InProgress":
            return found
        time.sleep(0.05)
    raise AssertionError(f"{arn} did not end")


def _folder(server: Server, found: dict[str, Any]) -> Path:
    uri: str = found["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]
    assert uri.startswith("s3://my-bucket/")
    return server.home / "bucket" / uri.removeprefix("s3://my-bucket/")


@pytest.fixture
def alone(bedrock_server: Server) -> Any:
    """A client with a key of its own in a project of its own."""
    return boto3_client(bedrock_server, key=_other_project(bedrock_server))


def _other_project(server: Server) -> dict[str, str]:
    owner: Any = server.admin("GET", "/organisations")["data"]
    name = f"async-{time.monotonic_ns()}"
    body = {"organisation": owner[0]["id"], "name": name}
    project: Any = server.admin("POST", "/projects", body)
    return server.new_key("--project", project["id"])


@pytest.mark.supports("whole, usage", "boto3 StartAsyncInvoke, Get…, List…")
def test_an_answer_in_a_folder(bedrock_server: Server, bedrock_runtime: Any) -> None:
    """The model's own body and a manifest, and nothing else; metered as any request."""
    arn = _start(bedrock_runtime, "hello there")
    found = _finish(bedrock_runtime, arn)
    assert found["status"] == "Completed", found
    assert found["invocationArn"] == arn
    assert found["modelArn"].endswith(ECHO)
    assert found["submitTime"] <= found["lastModifiedTime"] == found["endTime"]
    folder = _folder(bedrock_server, found)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "output.json"]
    content = (folder / "output.json").read_bytes()
    answer = json.loads(content)
    assert answer["output"]["message"]["content"] == [{"text": "hello there"}]
    manifest = json.loads((folder / "manifest.json").read_text())
    (entry,) = manifest["files"]
    assert (entry["bytes"], entry["sha256"]) == (len(content), sha256(content).hexdigest())
    line = _logged(bedrock_server, arn.rpartition("/")[2])
    assert (line["status"], line["outcome"], line["output_tokens"]) == (200, "completed", 2)


def _logged(server: Server, name: str) -> dict[str, Any]:
    for text in (server.home / "server.log").read_text().splitlines():
        if f"/async-invoke/{name}" in text and '"event":"request"' in text:
            line: dict[str, Any] = json.loads(text)
            return line
    raise AssertionError(f"{name} was not logged")


def test_vectors_in_a_folder(bedrock_server: Server, bedrock_runtime: Any) -> None:
    """Every family that InvokeModel knows."""
    started = bedrock_runtime.start_async_invoke(
        modelId="kilonova.embed-v1:0",
        modelInput={"inputText": "hello"},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://my-bucket"}},
    )
    found = _finish(bedrock_runtime, started["invocationArn"])
    assert found["status"] == "Completed", found
    content = (_folder(bedrock_server, found) / "output.json").read_text()
    assert len(json.loads(content)["embedding"]) > 8


def test_one_token_starts_one_invocation(bedrock_runtime: Any, alone: Any) -> None:
    """A retry gets the first one; another request under the same token is a conflict."""
    first = _start(alone, "one", clientRequestToken="token-1")
    assert _start(alone, "one", clientRequestToken="token-1") == first
    with pytest.raises(alone.exceptions.ConflictException):
        _start(alone, "two", clientRequestToken="token-1")
    # Tokens belong to a project.
    assert _start(bedrock_runtime, "one", clientRequestToken="token-1") != first
    assert _finish(alone, first)["clientRequestToken"] == "token-1"
    assert len(alone.list_async_invokes()["asyncInvokeSummaries"]) == 1


@pytest.mark.supports("errors", "boto3 StartAsyncInvoke, Get…, List…")
def test_what_goes_wrong_is_told(bedrock_server: Server, alone: Any) -> None:
    """In the vendor's words where the request was right and the answer failed."""
    for text, words in (
        ("[[echo: fail_before]]", "echo"),
        ("[[echo: hang]]", "longer than the 2 seconds"),
        ("word " * 9_000, "Input is too long"),
    ):
        found = _finish(alone, _start(alone, text))
        assert found["status"] == "Failed"
        assert words in found["failureMessage"], found
        assert not _folder(bedrock_server, found).exists()


@pytest.mark.supports("refusals", "boto3 StartAsyncInvoke, Get…, List…", how="refused")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modelId": "no.such-v1:0"}, "The provided model identifier is invalid"),
        ({"modelInput": {"surprise": 1}}, "Malformed input request"),
        ({"modelInput": {"messages": []}}, "The messages field is empty"),
        ({"s3Uri": "s3://other-bucket/x"}, "the bucket 'other-bucket' does not exist"),
        ({"s3Uri": "s3://my-bucket/../../etc"}, "Invalid S3 URI"),
        ({"s3Uri": "s3://my-bucket/a/./b"}, "Invalid S3 URI"),
        ({"s3Uri": "s3://my-bucket//a"}, "Invalid S3 URI"),
        ({"s3Uri": "s3://my-bucket/a\\..\\b"}, "Invalid S3 URI"),
        ({"s3Uri": "s3://my-bucket/a\x00b"}, "Invalid S3 URI"),
        ({"s3Uri": f"s3://my-bucket/{'a' * 300}"}, "Invalid S3 URI"),
        ({"s3Uri": "https://my-bucket/a"}, "Member must satisfy regular expression pattern"),
        ({"kmsKeyId": f"arn:aws:kms:eu-west-3:123456789012:key/{'a' * 36}"}, "kmsKeyId: "),
        ({"clientRequestToken": "a b"}, "Member must satisfy regular expression pattern"),
    ],
)
def test_what_cannot_be_started_is_refused_at_once(
    bedrock_server: Server, bedrock_runtime: Any, change: dict[str, Any], words: str
) -> None:
    """Nobody waits for what never had a chance, and nothing is written outside of the bucket."""
    names = {"s3Uri", "kmsKeyId"}
    place = {"s3Uri": "s3://my-bucket/x", **{k: v for k, v in change.items() if k in names}}
    asked = {
        "modelId": ECHO,
        "modelInput": _input("hi"),
        "outputDataConfig": {"s3OutputDataConfig": place},
        **{k: v for k, v in change.items() if k not in names},
    }
    with pytest.raises(bedrock_runtime.exceptions.ValidationException) as refusal:
        bedrock_runtime.start_async_invoke(**asked)
    assert words in refusal.value.response["Error"]["Message"]
    assert not (bedrock_server.home / "etc").exists()


@pytest.mark.supports("hints", "boto3 StartAsyncInvoke, Get…, List…", how="ignored")
def test_hints_are_listed(bedrock_runtime: Any) -> None:
    """Tags and the owner of a bucket change nothing here."""
    place = {"s3Uri": "s3://my-bucket/x", "bucketOwner": "123456789012"}
    started = bedrock_runtime.start_async_invoke(
        modelId=ECHO,
        modelInput=_input("hi"),
        outputDataConfig={"s3OutputDataConfig": place},
        tags=[{"key": "team", "value": "blue"}],
    )
    headers = started["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-kilonova-ignored"] == (
        "outputDataConfig.s3OutputDataConfig.bucketOwner, tags"
    )


def test_a_list_in_pages(alone: Any) -> None:
    """By time, either way round, with filters that hold across pages."""
    arns = []
    for text in ("a", "[[echo: fail_before]]", "b", "c"):
        arns.append(_start(alone, text))
        _finish(alone, arns[-1])
    newest = alone.list_async_invokes(maxResults=3)
    summaries = newest["asyncInvokeSummaries"]
    assert [entry["invocationArn"] for entry in summaries] == arns[:0:-1]
    rest = alone.list_async_invokes(maxResults=3, nextToken=newest["nextToken"])
    assert [entry["invocationArn"] for entry in rest["asyncInvokeSummaries"]] == arns[:1]
    assert "nextToken" not in rest
    oldest = alone.list_async_invokes(sortBy="SubmissionTime", sortOrder="Ascending")
    assert [entry["invocationArn"] for entry in oldest["asyncInvokeSummaries"]] == arns
    failed = alone.list_async_invokes(statusEquals="Failed")["asyncInvokeSummaries"]
    assert [entry["invocationArn"] for entry in failed] == [arns[1]]
    assert failed[0]["failureMessage"]
    now = datetime.now(UTC)
    for window, count in (
        ({"submitTimeBefore": now - timedelta(hours=1)}, 0),
        ({"submitTimeAfter": now - timedelta(hours=1), "submitTimeBefore": now}, 4),
        ({"submitTimeAfter": now + timedelta(hours=1)}, 0),
    ):
        assert len(alone.list_async_invokes(**window)["asyncInvokeSummaries"]) == count


def test_another_project_sees_nothing(bedrock_runtime: Any, alone: Any) -> None:
    """What one project asked for is not there for another."""
    arn = _start(bedrock_runtime, "hi")
    _finish(bedrock_runtime, arn)
    with pytest.raises(alone.exceptions.ValidationException, match="no asynchronous invocation"):
        alone.get_async_invoke(invocationArn=arn)
    assert alone.list_async_invokes()["asyncInvokeSummaries"] == []


def test_a_queue_has_an_end(alone: Any) -> None:
    """One runs, three may wait; the next is told to come back."""
    started = [_start(alone, "[[echo: tokens=20, delay_ms=40]] a") for _ in range(4)]
    with pytest.raises(alone.exceptions.ServiceUnavailableException):
        for _ in range(2):
            _start(alone, "b")
    assert {_finish(alone, arn)["status"] for arn in started} == {"Completed"}


def test_a_budget_holds_for_what_runs_later(bedrock_server: Server) -> None:
    """The reservation is made when the model is asked, as for any request."""
    client = boto3_client(bedrock_server, key=bedrock_server.new_key("--budget", "0.000000001"))
    found = _finish(client, _start(client, "hello"))
    client.close()
    assert found["status"] == "Failed"
    assert "budget" in found["failureMessage"].lower()


_HOME = """
[engines.spark]
enabled = false

[server]
drain_s = 0.2

[s3]
buckets = { "my-bucket" = "bucket" }
"""
_LONG = "[[echo: tokens=4000, delay_ms=20]] word"


@pytest.mark.slow
def test_what_an_end_of_the_server_interrupts_is_told_as_failed(tmp_path: Path) -> None:
    """After a crash and after a shutdown nobody waits for ever, and the ledger is sound."""
    home = tmp_path / "home"
    server = start_server(home, config=_HOME)
    key = server.new_key()
    client = boto3_client(server, key=key)
    crashed = _start(client, _LONG, clientRequestToken="t")
    beside = [_start(client, "hi") for _ in range(2)]
    assert {_finish(client, name)["status"] for name in beside} == {"Completed"}
    assert client.get_async_invoke(invocationArn=crashed)["status"] == "InProgress"
    client.close()
    server.stop(SIGKILL)

    server = start_server(home, config=_HOME)
    client = boto3_client(server, key=key)
    found = client.get_async_invoke(invocationArn=crashed)
    assert (found["status"], "server stopped" in found["failureMessage"]) == ("Failed", True)
    assert _start(client, _LONG, clientRequestToken="t") == crashed
    assert not list((home / "bucket").rglob(f"*{crashed.rpartition('/')[2]}*"))
    shut = _start(client, _LONG)
    time.sleep(0.3)
    client.close()
    server.stop()

    server = start_server(home, config=_HOME)
    client = boto3_client(server, key=key)
    found = client.get_async_invoke(invocationArn=shut)
    verified: Any = server.admin("GET", "/ledger/verify")
    client.close()
    assert server.stop() == 0
    assert (found["status"], "shut down" in found["failureMessage"]) == ("Failed", True)
    assert verified["is_sound"], verified
