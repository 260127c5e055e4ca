"""The wire structs of ``/files``, in OpenAI's own spelling."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "HONOURED",
    "LIST_LIMIT_MAX",
    "FileDeleted",
    "FileList",
    "FileObject",
    "Listing",
    "Upload",
]

LIST_LIMIT_MAX = 10_000

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]


class ExpiresAfter(Struct, frozen=True, forbid_unknown_fields=True):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3_600, le=2_592_000)]


class Upload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The form of an upload; ``file`` stands for the name of the file."""

    file: Annotated[str, Meta(max_length=512)]
    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class Listing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a list."""

    after: Annotated[str, Meta(pattern="^file-[0-9a-z]{26}$")] | None = None
    limit: Annotated[int, Meta(ge=1, le=LIST_LIMIT_MAX)] = LIST_LIMIT_MAX
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


class FileObject(Struct, frozen=True, kw_only=True):
    """There is nothing to process, so that a file is ready at once."""

    id: str
    object: str = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: str = "processed"
    status_details: None = None


class FileList(Struct, frozen=True, kw_only=True):
    object: str = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(Struct, frozen=True, kw_only=True):
    id: str
    object: str = "file"
    deleted: bool = True


HONOURED = {
    "POST /files": Upload.__struct_fields__,
    "GET /files": Listing.__struct_fields__,
}
