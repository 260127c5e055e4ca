"""A request that botocore signs and sends, over TLS as without."""

from typing import Any

import botocore.config
import botocore.session
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from kilonova.admin.schema import CreatedKey
from kilonova.cli.link import pinned
from kilonova.home import ServerNote

__all__ = ["converse"]

_WAIT_S = 120


def converse(note: ServerNote, key: CreatedKey, model_id: str) -> str:
    """The request id of an answered Converse."""
    session = botocore.session.Session()
    client = session.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=note.url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=botocore.config.Config(
            read_timeout=_WAIT_S, retries={"max_attempts": 1}, proxies={"http": "", "https": ""}
        ),
        verify=note.authority or None,
    )
    if note.certificates and not note.authority:
        client.meta.events.register("before-send.bedrock-runtime", _Pinned(note).send)
    message = {"role": "user", "content": [{"text": "Say hello."}]}
    answer: dict[str, Any] = client.converse(
        modelId=model_id, messages=[message], inferenceConfig={"maxTokens": 16}
    )
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-kilonova-request-id"])


class _Pinned:
    """Sends what botocore signed to a server whose certificate is for a name that this machine may
    not be able to resolve: here it is known by its key."""

    def __init__(self, note: ServerNote) -> None:
        self._pool = urllib3.PoolManager(
            ssl_context=pinned(note), assert_hostname=False, timeout=_WAIT_S, retries=False
        )

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        answer = self._pool.request(
            request.method,
            request.url,
            body=request.body,
            headers={name: _text(value) for name, value in request.headers.items()},
            preload_content=False,
        )
        return AWSResponse(request.url, answer.status, answer.headers, answer)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
