"""What is left of a caller's limits per minute, in the headers that OpenAI's clients read."""

import re

import openai
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"
NAMES = {
    f"x-ratelimit-{what}-{kind}"
    for what in ("limit", "remaining", "reset")
    for kind in ("requests", "tokens")
}
_DURATION = re.compile(r"(\d+m)?\d+(\.\d+)?s|\d+ms")


def ask(client: openai.OpenAI, **more: object) -> dict[str, str]:
    """The headers of one answer of one token, asked with one."""
    raw = client.chat.completions.with_raw_response.create(
        model=ECHO,
        messages=[{"role": "user", "content": "x"}],
        max_tokens=9,
        **more,  # type: ignore[arg-type]
    )
    return {name: raw.headers[name] for name in NAMES if name in raw.headers}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_is_left_counts_down(server: Server, is_streamed: bool) -> None:
    """Protects clients that slow down in time: requests one by one, tokens by the worst case."""
    key = server.new_key("--rpm", "30", "--tpm", "600")["bearer_key"]
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1") as client:
        first, second = ask(client, stream=is_streamed), ask(client, stream=is_streamed)
    assert set(first) == NAMES
    assert (first["x-ratelimit-limit-requests"], first["x-ratelimit-limit-tokens"]) == ("30", "600")
    assert first["x-ratelimit-remaining-requests"] == "29"
    assert second["x-ratelimit-remaining-requests"] == "28"
    # One word in and nine words out may be used.
    assert first["x-ratelimit-remaining-tokens"] == "590"
    assert _DURATION.fullmatch(first["x-ratelimit-reset-requests"])
    assert _DURATION.fullmatch(second["x-ratelimit-reset-tokens"])


def test_an_error_tells_it_too(server: Server) -> None:
    """Protects whoever was refused: nothing is left, and when it will be."""
    key = server.new_key("--rpm", "1")["bearer_key"]
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as client:
        headers = ask(client)
        assert set(headers) == {name for name in NAMES if name.endswith("requests")}
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client)
    refused = caught.value.response.headers
    assert refused["x-ratelimit-remaining-requests"] == "0"
    assert refused["x-ratelimit-reset-requests"] in ("1m0s", "60s") or refused[
        "x-ratelimit-reset-requests"
    ].startswith("59.")


def test_without_a_limit_there_is_nothing_to_tell(server: Server) -> None:
    """Protects clients from numbers that mean nothing."""
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as client:
        assert ask(client) == {}


def test_embeddings_tell_it_as_well(server: Server) -> None:
    """Protects the other calls of the same key."""
    key = server.new_key("--tpm", "600")["bearer_key"]
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1") as client:
        raw = client.embeddings.with_raw_response.create(model=ECHO, input="one two")
    assert raw.headers["x-ratelimit-remaining-tokens"] == "598"
