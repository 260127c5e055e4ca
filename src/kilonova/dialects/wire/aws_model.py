"""AWS's operations as data: where they live, what a request means, what an answer looks like.

A service is compiled once from the description that AWS publishes, and lazily: an operation that
nobody calls costs its row in the router.
"""

from collections.abc import Mapping
from functools import cached_property

import msgspec
from msgspec import Struct

from kilonova.dialects.wire.aws_files import OperationFile, ServiceFile, ShapeFile, read_service
from kilonova.dialects.wire.aws_readers import Readers
from kilonova.dialects.wire.aws_request import RequestReader, WireRequest
from kilonova.dialects.wire.aws_writers import Writers
from kilonova.dialects.wire.eventstream import encode_event

__all__ = ["Operation", "ServiceModel", "WireResponse", "load_service"]


class WireResponse(Struct, frozen=True):
    """What goes back when an operation succeeded at once."""

    status: int
    headers: dict[str, str]
    body: bytes


class ServiceModel:
    """One service: its operations by name."""

    def __init__(self, name: str, file: ServiceFile) -> None:
        self.name = name
        self.shapes = file.shapes
        self.readers = Readers(file.shapes)
        self.writers = Writers(file.shapes)
        self.operations = {key: Operation(self, entry) for key, entry in file.operations.items()}


def load_service(name: str) -> ServiceModel:
    """The model of a service such as `bedrock-runtime`."""
    return ServiceModel(name, read_service(name))


class Operation:
    """One operation of a service."""

    def __init__(self, service: ServiceModel, file: OperationFile) -> None:
        self.name = file.name
        self.service = service.name
        self.method = file.http.method
        self.uri = file.http.request_uri
        self.status = file.http.response_code
        self._service = service
        self._file = file

    @property
    def input(self) -> ShapeFile:
        """The shape of the request."""
        return self._service.shapes[self._file.input.shape]

    @property
    def output(self) -> ShapeFile:
        """The shape of the answer."""
        return self._service.shapes[self._file.output.shape]

    @cached_property
    def errors(self) -> Mapping[str, int]:
        """The HTTP status of every error that the operation may answer with."""
        shapes = self._service.shapes
        return {
            entry.shape: shapes[entry.shape].error.http_status_code for entry in self._file.errors
        }

    @cached_property
    def stream(self) -> ShapeFile | None:
        """The shape of the answer's event stream, if it is one."""
        if self.output.payload is None:
            return None
        shape = self._service.shapes[self.output.members[self.output.payload].shape]
        return shape if shape.eventstream else None

    def parse(self, request: WireRequest) -> dict[str, object]:
        """The input as checked values. Raises InvalidRequest."""
        return self._reader.read(request)

    def respond(self, output: Mapping[str, object]) -> WireResponse:
        """A whole answer; members that travel as headers go there."""
        members = self.output.members
        headers: dict[str, str] = {}
        body: dict[str, object] = {}
        for name, value in output.items():
            member = members[name]
            if value is None:
                continue
            if member.location is None:
                body[name] = value
            else:
                headers[member.location_name or name] = str(value)
        return WireResponse(self.status, headers, self._write_body(body))

    def event(self, name: str, event: Mapping[str, object]) -> bytes:
        """One frame of the answer's event stream."""
        assert self.stream is not None, f"{self.name} does not stream"
        write = self._service.writers.writer(self.stream.members[name].shape)
        return encode_event(name, msgspec.json.encode(write(event)))

    @cached_property
    def _reader(self) -> RequestReader:
        return RequestReader(self.input, self._service.shapes, self._service.readers)

    def _write_body(self, body: dict[str, object]) -> bytes:
        payload = self.output.payload
        if payload is None:
            return msgspec.json.encode(self._service.writers.writer(self._file.output.shape)(body))
        value = body.get(payload, b"")
        if isinstance(value, bytes):
            return value
        write = self._service.writers.writer(self.output.members[payload].shape)
        return msgspec.json.encode(write(value))
