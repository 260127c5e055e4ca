"""The Bedrock surface over a gateway in one process, spoken to as botocore would."""

import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, prepare_request_dict
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from msgspec.structs import replace

from kilonova.catalog.catalog import Catalog, packaged_models
from kilonova.core.errors import InvalidRequest, KilonovaError, Unauthenticated
from kilonova.core.identity import BearerCredential, Credential, Principal, SignedCredential
from kilonova.dialects.anthropic.native import native_families
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.routes import BedrockRooms, BedrockSurface
from kilonova.dialects.openai.native import NATIVE_FAMILIES
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.classification import Classifications, open_sentry
from kilonova.gateway.screening import Screening
from kilonova.guardrails.configured import plan_guardrails
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request, Response, Stream
from world import ECHO, OneKey, World

ACCESS_KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI-secret"
SEAL = ReasoningSeal(b"a key of the tests alone, 32 bytes")
NATIVES = {**native_families(SEAL), **NATIVE_FAMILIES}
FAMILIES = Families(SEAL, NATIVES)


class KeyPair(OneKey):
    """Also knows one access key."""

    def principal(self, credential: Credential) -> Principal:
        if isinstance(credential, SignedCredential):
            if credential.access_key_id != ACCESS_KEY:
                raise Unauthenticated("The security token is invalid.", reason="unknown_key")
            credential.prove(SECRET, time.time())
            return super().principal(BearerCredential("good"))
        return super().principal(credential)


@cache
def service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


@cache
def owner(operation: str) -> Any:
    for name in ("bedrock-runtime", "bedrock", "bedrock-agent", "bedrock-agent-runtime"):
        if operation in service(name).operation_names:
            return service(name).operation_model(operation)
    raise AssertionError(operation)


class WireWorld(World):
    """`call` returns what a client would see: status, headers and body, or frames."""

    def __init__(self) -> None:
        super().__init__()
        self.authority = KeyPair()
        self.gateway._authority = self.authority
        echo = self.gateway.model(ECHO)
        other = replace(echo, id="other.echo-v1:0", aliases=(), native_body="chat-completions")
        self.gateway._catalog = Catalog([*self.gateway.models(), other])
        self.files: dict[str, dict[str, bytes]] = {}
        self.classifications = Classifications(
            catalog=Catalog(packaged_models()),
            admission=self.admission,
            meter=self.meter,
            open_scanner=open_sentry,
            replays=self.replays,
            renew=self.gateway.renew,
        )
        self.surface = BedrockSurface(self.gateway, self.rooms())

    def rooms(self, **guardrails: dict[str, Any]) -> BedrockRooms:
        """What the surface uses, with guardrails beside the packaged one."""
        screening = Screening(self.classifications, plan_guardrails(guardrails))
        return BedrockRooms(
            shelf=self.shelf, seal=SEAL, natives=NATIVES, screening=screening, output=self
        )

    def check(self, uri: str) -> None:
        """Every bucket is there but one."""
        if uri.startswith("s3://nowhere"):
            raise InvalidRequest("Invalid S3 URI")

    async def write(self, uri: str, files: Mapping[str, bytes]) -> None:
        self.files[uri] = dict(files)

    async def call(self, operation: str, **parameters: Any) -> "Reply":
        """Serialises with botocore, signs, and hands the request to the surface."""
        wire = create_serializer("rest-json").serialize_to_request(parameters, owner(operation))
        prepare_request_dict(wire, endpoint_url="http://kilonova.test", context={})
        return await self.send(
            wire["method"], wire["url"], body=wire["body"] or b"", headers=dict(wire["headers"])
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        key: tuple[str, str] | None = (ACCESS_KEY, SECRET),
    ) -> "Reply":
        """Signs the request unless there is no key, and hands it to the surface."""
        signed = AWSRequest(method, url, headers=headers or {}, data=body)
        if key:
            SigV4Auth(Credentials(*key), "bedrock", "eu-north-1").add_auth(signed)
        sent = [(n.lower().encode(), str(v).encode()) for n, v in signed.headers.items()]
        parts = urlsplit(url)
        request = Request(
            method=method,
            raw_path=parts.path.encode(),
            query=parts.query.encode(),
            headers=[*sent, (b"host", parts.netloc.encode())],
            trace=Trace(),
        )
        request.body = bytes(body)
        endpoint = self.surface.find(request)
        assert endpoint is not None, url
        try:
            answer = await endpoint.handle(request)
        except KilonovaError as error:
            answer = endpoint.fail(error, request)
        return await Reply.read(answer)


class Reply:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    @classmethod
    async def read(cls, answer: Response | Stream) -> "Reply":
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        if isinstance(answer, Response):
            return cls(answer.status, headers, answer.body)
        content = b""
        try:
            async for chunk in answer.chunks:
                content += chunk
        except KilonovaError as error:
            content += answer.fail(error)
        return cls(answer.status, headers, content)

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, name and message, as botocore reads them."""
        parsed = self._parsed(owner("Converse").output_shape)["Error"]
        return self.status, parsed["Code"], parsed["Message"]

    def parsed(self, operation: str) -> Any:
        """The answer as botocore reads it."""
        assert self.status < 300, self.content
        return self._parsed(owner(operation).output_shape)

    def _parsed(self, shape: Any) -> Any:
        received = {"status_code": self.status, "headers": self.headers, "body": self.content}
        return create_parser("rest-json").parse(received, shape)

    @property
    def frames(self) -> list[tuple[str, Any]]:
        """Names and payloads of the events and exceptions of a stream."""
        buffer = EventStreamBuffer()
        buffer.add_data(self.content)
        return [
            (
                message.headers.get(":event-type") or message.headers[":exception-type"],
                json.loads(message.payload),
            )
            for message in buffer
        ]


def say(text: str, **more: Any) -> dict[str, Any]:
    """A Converse request of one user text to the echo model."""
    message = {"role": "user", "content": [{"text": text}]}
    return {"modelId": ECHO, "messages": [message], **more}


TOOL = {
    "toolSpec": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            }
        },
    }
}
