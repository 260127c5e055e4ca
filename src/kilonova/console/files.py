"""The files of the console as one immutable tree: its address holds a digest of all of them.

So a browser may keep each file for ever, and modules find each other by relative addresses without
a build step. Files are read once, at the first request for the console.
"""

import gzip
import hashlib
import posixpath
import re
from pathlib import Path

from msgspec import Struct

__all__ = ["WebFile", "WebFiles"]

_KINDS = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
    ".json": b"application/json",
}
_WORTH_BYTES = 512
_IMPORT = re.compile(rb'(?:\bfrom|^import)\s*"(\.[^"]+)"', re.MULTILINE)


class WebFile(Struct, frozen=True, kw_only=True):
    """``gzipped`` is empty where it would not be smaller."""

    kind: bytes
    content: bytes
    gzipped: bytes
    etag: bytes


class WebFiles:
    """Everything under a folder. ``__DIGEST__`` in the page becomes the address of the tree, and
    ``__PRELOADS__`` the modules that the first screen needs, so that none waits for another."""

    def __init__(self, folder: Path) -> None:
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _KINDS
        }
        whole = hashlib.sha256()
        for name, content in found.items():
            whole.update(f"{name}\n{len(content)}\n".encode() + content)
        self.digest = whole.hexdigest()[:16]
        page = found.pop("index.html").replace(b"__PRELOADS__", _preloads(found))
        self.page = _web_file("index.html", page.replace(b"__DIGEST__", self.digest.encode()))
        self._files = {name: _web_file(name, content) for name, content in found.items()}

    def find(self, name: str) -> WebFile | None:
        """A file by its path in the tree. Names are looked up, never opened."""
        return self._files.get(name)


def _preloads(found: dict[str, bytes]) -> bytes:
    """The modules that ``app.js`` imports, and those that they import, in order. What is imported
    while the page runs (``import(…)``) is not among them."""
    wanted, known = ["app.js"], {"app.js"}
    for name in wanted:
        for address in _IMPORT.findall(found[name]):
            imported = _resolve(name, address.decode())
            if imported not in known:
                known.add(imported)
                wanted.append(imported)
    links = [
        f'<link rel="modulepreload" href="/console/static/__DIGEST__/{name}">' for name in wanted
    ]
    return "\n".join(links).encode()


def _resolve(importer: str, address: str) -> str:
    """``../base/ui.js`` as ``parts/table.js`` means it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), address))


def _web_file(name: str, content: bytes) -> WebFile:
    zipped = gzip.compress(content, mtime=0) if len(content) > _WORTH_BYTES else b""
    return WebFile(
        kind=_KINDS[Path(name).suffix],
        content=content,
        gzipped=zipped if len(zipped) < len(content) else b"",
        etag=b'"' + hashlib.sha256(content).hexdigest()[:20].encode() + b'"',
    )
