"""Buckets that are folders: what callers name ``s3://bucket/key`` lies under a configured folder.

Nothing is ever written outside of it, and a file is there whole or not at all.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path

from kilonova.core.errors import InvalidRequest

__all__ = ["Buckets"]

_URI = re.compile(r"s3://([a-z0-9][.\-a-z0-9]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_PART_BYTES_MAX = 255
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


class Buckets:
    """Knows the folder of each bucket."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def check(self, uri: str) -> None:
        """Raises InvalidRequest for a bucket that is not mapped, or a key that leads elsewhere."""
        self._place(uri)

    async def write(self, uri: str, files: Mapping[str, bytes]) -> None:
        """Files into a folder, in order; returns when they are on disk. Raises InvalidRequest or
        OSError."""
        await asyncio.to_thread(self._write, uri, files)

    def _place(self, uri: str) -> tuple[Path, Path]:
        """The bucket's folder, and the one that the address means."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise _refusal("it does not have the form s3://bucket/prefix")
        root = self._folders.get(match[1])
        if root is None:
            raise _refusal(
                f"the bucket '{match[1]}' does not exist. The operator maps buckets to folders in "
                "[s3] buckets"
            )
        parts = [] if not match[2] else match[2].removesuffix("/").split("/")
        for part in parts:
            is_long = len(part.encode(errors="replace")) > _PART_BYTES_MAX
            if part in ("", ".", "..") or is_long or _UNSAFE.search(part):
                raise _refusal("a part of its key cannot be the name of a folder")
        return root, root.joinpath(*parts)

    def _write(self, uri: str, files: Mapping[str, bytes]) -> None:
        root, folder = self._place(uri)
        # Links under the root may lead anywhere: what counts is where the folder truly lies, and
        # before any folder is made there.
        if not folder.resolve().is_relative_to(root.resolve()):
            raise _refusal("its key leads out of the bucket")
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write_whole(folder / name, content)
        _sync(folder)
        for parent in folder.parents:
            _sync(parent)
            if parent == root:
                break


def _write_whole(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refusal(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid S3 URI: {why}.", param="outputDataConfig.s3OutputDataConfig.s3Uri"
    )
