"""Takes the console's modules, and the tests' axe, from npm's packages. For maintainers.

Run ``python tests/browser/vendoring.py`` after a change of a version below. It writes the files and
``lock.json`` beside them: versions, licences, and the digest of each file as it was published and
as it is here. What is changed is how modules name each other, so that no import map (an inline
script) is needed, and the head of one that is no module; the lock says how, and a test undoes it
and compares.
"""

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

WEB = Path(__file__).parents[2] / "src" / "kilonova" / "console" / "web" / "vendor"
HERE = Path(__file__).parent / "vendor"

_CORE = '"@preact/signals-core"'
# KaTeX publishes one small file, which is a script. Its head makes it a module.
_UMD = (
    '!function(e,t){"object"==typeof exports&&"object"==typeof module?module.exports=t():'
    '"function"==typeof define&&define.amd?define([],t):"object"==typeof exports?exports.katex=t()'
    ':e.katex=t()}("undefined"!=typeof self?self:this,'
)
FILES: list[dict[str, Any]] = [
    {"file": "preact.js", "package": "preact", "version": "11.2.0", "path": "dist/preact.mjs"},
    {
        "file": "hooks.js", "package": "preact", "version": "11.2.0",
        "path": "hooks/dist/hooks.mjs", "rewritten": {'"preact"': '"./preact.js"'},
    },
    {
        "file": "signals-core.js", "package": "@preact/signals-core", "version": "1.14.5",
        "path": "dist/signals-core.module.js",
    },
    {
        "file": "signals.js", "package": "@preact/signals", "version": "2.11.4",
        "path": "dist/signals.module.js",
        "rewritten": {
            '"preact"': '"./preact.js"',
            '"preact/hooks"': '"./hooks.js"',
            _CORE: '"./signals-core.js"',
        },
    },
    {"file": "htm.js", "package": "htm", "version": "3.1.1", "path": "dist/htm.module.js"},
    {
        "file": "katex.js", "package": "katex", "version": "0.19.0", "path": "dist/katex.min.js",
        "rewritten": {_UMD: "export default((e,t)=>t())(self,"},
    },
]  # fmt: skip
AXE = [{"file": "axe.min.js", "package": "axe-core", "version": "4.14.1", "path": "axe.min.js"}]


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def restored(content: bytes, rewritten: dict[str, str]) -> bytes:
    """The file as it was published."""
    for published, here in rewritten.items():
        content = content.replace(here.encode(), published.encode())
    return content


def _package(name: str, version: str, folder: Path) -> Path:
    place = folder / f"{name.replace('/', '-')}-{version}"
    if not place.exists():
        place.mkdir()
        command = ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", str(place)]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        with tarfile.open(next(place.glob("*.tgz"))) as archive:
            archive.extractall(place, filter="data")
    return place / "package"


def vendor(files: list[dict[str, Any]], target: Path) -> None:
    """Writes the files, their licences and their lock into a folder."""
    target.mkdir(exist_ok=True)
    locked, licences = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for entry in files:
            package = _package(entry["package"], entry["version"], Path(folder))
            published = (package / entry["path"]).read_bytes()
            # A source map would be asked for, and there is none.
            content = published
            for old, new in entry.get("rewritten", {}).items():
                content = content.replace(old.encode(), new.encode())
            (target / entry["file"]).write_bytes(content)
            about = json.loads((package / "package.json").read_text())
            licences[f"{entry['package']} {entry['version']}"] = (package / "LICENSE").read_text()
            digests = {"published_sha256": sha256(published), "sha256": sha256(content)}
            locked.append({**entry, "licence": about["license"], **digests})
    (target / "lock.json").write_text(json.dumps(locked, indent=2) + "\n")
    texts = [f"{name}\n{'=' * len(name)}\n\n{text.strip()}\n" for name, text in licences.items()]
    (target / "LICENSES.txt").write_text("\n\n".join(texts))


if __name__ == "__main__":
    vendor(FILES, WEB)
    vendor(AXE, HERE)
