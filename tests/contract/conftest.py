"""Servers that several contract suites share."""

from collections.abc import Iterator
from typing import Any

import pytest

from contract.boto3_client import boto3_client
from servers import Server, served

# The scripted engine as models that think; one of them wants its thoughts back.
_THINKERS = """
[engines.spark]
enabled = false

[models.thinker]
engine = "echo"
aliases = ["deepseek-chat", "deepseek-flash"]
abilities = ["chat", "tools", "json", "logprobs", "reasoning", "completion", "prefill"]
context_tokens = 8192
price = { input = "1", cache_read = "0.1", output = "1" }

[models.forgetful]
engine = "echo"
abilities = ["chat", "tools", "json", "reasoning"]
context_tokens = 8192
needs_thoughts_back = true
price = "free"
"""


@pytest.fixture(scope="session")
def thinkers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the models ``thinker`` and ``forgetful``."""
    with served(tmp_path_factory.mktemp("thinkers"), config=_THINKERS) as running:
        yield running


# One scripted model for each kind of rule, guardrails, and a bucket that is a folder.
_BEDROCK = """
[engines.spark]
enabled = false

[models."strict.echo-v1:0"]
engine = "echo"
has_strict_turns = true
price = "free"

[models."plain.echo-v1:0"]
engine = "echo"
abilities = ["chat"]
price = "free"

[models."thinking.echo-v1:0"]
engine = "echo"
abilities = ["chat", "tools", "json", "vision", "reasoning", "prefill"]
thinking_controls = ["switch", "effort", "budget"]
price = "free"

[models."raw.echo-v1:0"]
engine = "echo"
native_body = "llama"
abilities = ["chat", "completion"]
price = "free"

[guardrails.strict]
prompt_attack = "low"
personal_data = "block"
blocked_input = "Not here."
blocked_output = "Not that."

[guardrails.watch]
version = "7"
prompt_attack_action = "none"
personal_data = "none"

[guardrails.watch.kinds]
email = "anonymise"
phone = "ignore"

[s3]
buckets = { "my-bucket" = "bucket" }

[limits]
async_running_max = 1
async_waiting_max = 3
async_run_s_max = 2.0
"""


@pytest.fixture(scope="session")
def bedrock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the models and settings above, and an access key."""
    with served(tmp_path_factory.mktemp("bedrock"), config=_BEDROCK) as running:
        yield running


@pytest.fixture(scope="session")
def bedrock_runtime(bedrock_server: Server) -> Iterator[Any]:
    """boto3's client of the server above."""
    client = boto3_client(bedrock_server)
    yield client
    client.close()
