"""AWS's own description of its services, read from the files that botocore ships.

botocore is not imported: that would cost 180 ms and 18 MB, while reading one file takes a few
milliseconds. Only what the wire needs is kept; the documentation, most of each file, is dropped
while it is decoded.
"""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

__all__ = [
    "ErrorFile",
    "HttpFile",
    "MemberFile",
    "OperationFile",
    "ServiceFile",
    "ShapeFile",
    "read_service",
]

ShapeType = Literal[
    "structure",
    "list",
    "map",
    "string",
    "integer",
    "long",
    "float",
    "double",
    "boolean",
    "blob",
    "timestamp",
]
Location = Literal["uri", "querystring", "header"]


class MemberFile(Struct, frozen=True, rename="camel"):
    """A use of a shape; `location` is absent for what travels in the body."""

    shape: str
    location: Location | None = None
    location_name: str | None = None


class ErrorFile(Struct, frozen=True, rename="camel"):
    """What makes a shape an error."""

    http_status_code: int = 400


class ShapeFile(Struct, frozen=True, rename="camel"):
    """A type. Which of the fields count depends on `type`."""

    type: ShapeType
    members: dict[str, MemberFile] = {}
    required: tuple[str, ...] = ()
    member: MemberFile | None = None
    key: MemberFile | None = None
    value: MemberFile | None = None
    min: float | None = None
    max: float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    union: bool = False
    document: bool = False
    eventstream: bool = False
    payload: str | None = None
    timestamp_format: str | None = None
    sensitive: bool = False
    exception: bool = False
    error: ErrorFile = ErrorFile()


class HttpFile(Struct, frozen=True, rename="camel"):
    """Where an operation lives, and the status of its success."""

    method: str
    request_uri: str
    response_code: int = 200


class ShapeReference(Struct, frozen=True):
    """The name of a shape, where it stands alone."""

    shape: str


class OperationFile(Struct, frozen=True):
    """One operation: its address and the names of its shapes."""

    name: str
    http: HttpFile
    input: ShapeReference
    output: ShapeReference
    errors: tuple[ShapeReference, ...] = ()


class ServiceFile(Struct, frozen=True):
    """One service: its operations and all shapes that they mention."""

    operations: dict[str, OperationFile]
    shapes: dict[str, ShapeFile]


@cache
def read_service(name: str) -> ServiceFile:
    """The newest description of a service that the installed botocore has."""
    versions = sorted((_data_directory() / name).iterdir())
    compressed = (versions[-1] / "service-2.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(compressed), type=ServiceFile)


def _data_directory() -> Path:
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("AWS's service descriptions are missing: pip install botocore")
    return Path(spec.origin).parent / "data"
