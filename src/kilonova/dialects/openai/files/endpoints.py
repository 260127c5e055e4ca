"""``/files``: keep, list, show, read and delete; and ``/uploads``, which is refused by name."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote, unquote_to_bytes

import msgspec

from kilonova.core.errors import NotFound
from kilonova.core.identity import Principal
from kilonova.core.shelf import Shelf
from kilonova.dialects.openai.answer_headers import JSON, answer_headers
from kilonova.dialects.openai.credentials import call
from kilonova.dialects.openai.errors import encode_error
from kilonova.dialects.openai.files.decode import decode_listing, decode_upload
from kilonova.dialects.openai.files.download import Downloads
from kilonova.dialects.openai.files.schema import FileDeleted, FileList, FileObject, Listing
from kilonova.dialects.openai.files.stored import (
    StoredFile,
    drawer,
    find_file,
    keep_file,
    read_file,
    unpack,
)
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["FileEndpoints"]

_FILES = b"/files"
_CONTENT = b"/content"
_UPLOADS = b"/uploads"
_FORM_BYTES_MAX = 65_536
_READ_AT_ONCE = 200
# As many of the largest files, or more smaller ones, are held for their readers at once; half of
# them for those of one organisation.
_DOWNLOADS_MAX = 8
# What callers put here is theirs: no browser may run it as ours.
_BINARY: tuple[Header, ...] = (
    (b"content-type", b"application/octet-stream"),
    (b"x-content-type-options", b"nosniff"),
)


class FileEndpoints:
    """Files of a project on the shelf. No model reads them here, so nothing is billed."""

    def __init__(self, gateway: Gateway, shelf: Shelf, *, file_bytes_max: int) -> None:
        self._gateway = gateway
        self._shelf = shelf
        self._file_bytes_max = file_bytes_max
        self._downloads = Downloads(file_bytes_max * _DOWNLOADS_MAX)
        self._fixed = {
            ("POST", _FILES): _endpoint(self.create_file, file_bytes_max + _FORM_BYTES_MAX),
            ("GET", _FILES): _endpoint(self.list_files),
        }
        self._of_one = {
            ("GET", False): _endpoint(self.retrieve_file),
            ("GET", True): _endpoint(self.read_content),
            ("DELETE", False): _endpoint(self.delete_file),
        }
        # A part of an upload is read before it is refused, so that its sender reads why.
        self._uploads = _endpoint(self.refuse_upload, file_bytes_max + _FORM_BYTES_MAX)

    def find(self, request: Request, path: bytes) -> Endpoint | None:
        """The endpoint of a path below the root of the API."""
        if path == _UPLOADS or path.startswith(_UPLOADS + b"/"):
            return self._uploads
        if path == _FILES or not path.startswith(_FILES + b"/"):
            return self._fixed.get((request.method, path))
        name = path[len(_FILES) + 1 :]
        is_content = name.endswith(_CONTENT)
        if is_content:
            name = name[: -len(_CONTENT)]
        if not name or b"/" in name:
            return None
        request.captures = (unquote_to_bytes(name).decode(errors="replace"),)
        return self._of_one.get((request.method, is_content))

    async def create_file(self, request: Request) -> Answer:
        """``POST /files``. Each upload is a file of its own, however often it is repeated."""
        principal = self._principal(request)
        upload, content = decode_upload(
            request.header(b"content-type"), request.body, file_bytes_max=self._file_bytes_max
        )
        expiry = upload.expires_after
        stored = await keep_file(
            self._shelf,
            principal,
            content,
            name=upload.file,
            purpose=upload.purpose,
            kept_s=None if expiry is None else expiry.seconds,
        )
        ignored = ["idempotency-key"] if b"idempotency-key" in request.headers else []
        headers = (JSON, *answer_headers(request, ignored))
        return Response(200, msgspec.json.encode(_encode(stored)), headers)

    async def list_files(self, request: Request) -> Answer:
        """``GET /files``: a page of the project's files."""
        principal = self._principal(request)
        listing = decode_listing(request.query)
        files, has_more = await self._listed(principal, listing)
        page = FileList(
            data=[_encode(stored) for stored in files],
            first_id=files[0].id if files else None,
            last_id=files[-1].id if files else None,
            has_more=has_more,
        )
        return _json(request, page)

    async def retrieve_file(self, request: Request) -> Answer:
        """``GET /files/{id}``."""
        stored = find_file(self._shelf, self._principal(request), request.captures[0])
        return _json(request, _encode(stored))

    async def read_content(self, request: Request) -> Answer:
        """``GET /files/{id}/content``: its bytes."""
        principal = self._principal(request)
        stored = find_file(self._shelf, principal, request.captures[0])

        async def read() -> bytes:
            return (await read_file(self._shelf, principal, stored.id)).content

        name = f"attachment; filename*=UTF-8''{quote(stored.name, safe='')}"
        headers = (
            *_BINARY,
            (b"content-disposition", name.encode()),
            # A download that is cut off has no last words: its reader counts.
            (b"content-length", b"%d" % stored.size),
            *answer_headers(request, []),
        )
        download = await self._downloads.open(principal.organisation_id, stored.size, read)
        return Stream(200, download.pieces(), headers, lambda _: b"", download)

    async def delete_file(self, request: Request) -> Answer:
        """``DELETE /files/{id}``."""
        principal = self._principal(request)
        stored = find_file(self._shelf, principal, request.captures[0])
        await self._shelf.delete(drawer(principal), stored.id)
        return _json(request, FileDeleted(id=stored.id))

    async def refuse_upload(self, request: Request) -> Answer:
        """``/uploads``: files in parts."""
        self._principal(request)
        raise NotFound(
            "Uploads in parts are not served here. Send the file in one piece to POST /v1/files; "
            f"it may have {self._file_bytes_max} bytes.",
            reason="unknown_url",
        )

    def _principal(self, request: Request) -> Principal:
        return self._gateway.authorise(call(request)).principal

    async def _listed(
        self, principal: Principal, listing: Listing
    ) -> tuple[list[StoredFile], bool]:
        """Up to the limit; others get their turn while a long list is read."""
        found: list[StoredFile] = []
        after, has_more = listing.after, True
        while has_more and len(found) <= listing.limit:
            page = self._shelf.page(
                drawer(principal),
                after=after,
                limit=_READ_AT_ONCE,
                is_newest_first=listing.order == "desc",
            )
            files = [unpack(item) for item in page.items]
            found += [each for each in files if listing.purpose in (None, each.purpose)]
            has_more = page.has_more
            after = files[-1].id if files else None
            await asyncio.sleep(0)
        return found[: listing.limit], len(found) > listing.limit


def _endpoint(handle: Callable[[Request], Awaitable[Answer]], body_bytes_max: int = 0) -> Endpoint:
    return Endpoint(handle=handle, fail=encode_error, body_bytes_max=body_bytes_max)


def _encode(stored: StoredFile) -> FileObject:
    return FileObject(
        id=stored.id,
        bytes=stored.size,
        created_at=stored.created_ms // 1000,
        expires_at=None if stored.expires_ms is None else stored.expires_ms // 1000,
        filename=stored.name,
        purpose=stored.purpose,
    )


def _json(request: Request, answer: FileObject | FileList | FileDeleted) -> Response:
    return Response(200, msgspec.json.encode(answer), (JSON, *answer_headers(request, [])))
