"""Measures the house rules of CONTRIBUTING.md, so that they hold without anybody watching."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from kilonova.core.errors import LEAVES, KilonovaError
from kilonova.engines import KINDS
from kilonova.settings import (
    AlertSettings,
    ConsoleSettings,
    InvoiceSettings,
    LimitSettings,
    OidcRule,
    OidcSettings,
    PriceSettings,
    S3Settings,
    ServerSettings,
    StatementSettings,
    StoreSettings,
    TlsSettings,
)

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TRAINING = sorted((ROOT / "training").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
POSITIONAL_MAX = 3
PARAMETERS_MAX = 7
FORBIDDEN_NAMES = {
    "utils.py",
    "util.py",
    "helpers.py",
    "helper.py",
    "common.py",
    "manager.py",
    "misc.py",
}
VENDORS = re.compile(
    r"\b(openai|bedrock|anthropic|azure|gemini|vertex|deepseek|boto3|botocore)\b", re.IGNORECASE
)
# Where a vendor's name may stand: its wire, its engine, its models; the CLI and admin print the
# lines that point its SDK here; and app/surfaces.py plugs the dialects in.
VENDOR_ROOMS = ("dialects", "engines", "catalog", "cli")
VENDOR_FILES = {"surfaces.py"}


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _where(path: Path, node: ast.AST | None = None) -> str:
    line = f":{getattr(node, 'lineno', 0)}" if node is not None else ""
    return f"{path.relative_to(ROOT)}{line}"


def test_files_can_be_read_in_one_sitting() -> None:
    """Protects rule 1: no file grows past the wall."""
    sizes = {_where(path): path.read_text().count("\n") for path in SOURCES + TRAINING + BENCHMARKS}
    assert {path: size for path, size in sizes.items() if size > FILE_LINES_MAX} == {}


def test_functions_fit_a_screen() -> None:
    """Protects rule 2."""
    long = [
        _where(path, node)
        for path in SOURCES + TRAINING + BENCHMARKS
        for node in _functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def _parameter_counts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    names = [argument.arg for argument in positional]
    own = len(positional) - (1 if names[:1] in (["self"], ["cls"]) else 0)
    return own, own + len(arguments.kwonlyargs)


def _is_exit(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return node.name in ("__exit__", "__aexit__", "__init__")


def test_functions_take_few_parameters() -> None:
    """Protects rule 3: at most three positional, seven in all (constructors: seven in all)."""
    wide = []
    for path in SOURCES:
        for node in _functions(path):
            positional, total = _parameter_counts(node)
            if total > PARAMETERS_MAX or (positional > POSITIONAL_MAX and not _is_exit(node)):
                wide.append((_where(path, node), node.name, positional, total))
    assert wide == []


def test_no_file_is_named_after_nothing() -> None:
    """Protects rule 4."""
    assert [_where(path) for path in SOURCES if path.name in FORBIDDEN_NAMES] == []


def test_vendor_names_stay_in_their_rooms() -> None:
    """Protects rule 7: the core, the gateway and the ledger know no vendor."""
    found = []
    for path in SOURCES:
        room = path.relative_to(ROOT / "src" / "kilonova").parts
        if room[0] in VENDOR_ROOMS or room[-1] in VENDOR_FILES:
            continue
        code = _without_prose(path)
        found += [(_where(path), match) for match in VENDORS.findall(code)]
    assert found == []


def _without_prose(path: Path) -> str:
    """The names and short literals of a file: what a docstring or a message says is free."""
    tree = ast.parse(path.read_text())
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    names += [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    names += [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    literals = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value
    ]
    return "\n".join(names + literals)


def test_every_module_says_what_it_is() -> None:
    """Protects the rule that a module starts with a docstring or a drawing."""
    silent = [
        _where(path)
        for path in SOURCES
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_public_classes_and_functions_are_documented() -> None:
    """Protects engineers who read a name for the first time."""
    silent = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        exported = _exported(tree)
        for node in tree.body:
            is_public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if is_public and node.name in exported and not ast.get_docstring(node):
                if not _is_plain_struct(node):
                    silent.append(f"{_where(path, node)} {node.name}")
    assert silent == []


def _is_plain_struct(node: ast.AST) -> bool:
    """A struct of annotated fields alone explains itself."""
    return isinstance(node, ast.ClassDef) and all(
        isinstance(part, ast.AnnAssign) for part in node.body
    )


def _exported(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_the_package_is_quick_to_import() -> None:
    """Protects the command line: importing the package pulls in nothing heavy."""
    code = "import sys, kilonova; print(' '.join(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {"asyncio", "botocore", "sqlalchemy", "granian", "aiohttp", "msgspec", "typer"}
    assert heavy.isdisjoint(modules)


def test_the_error_tree_is_closed() -> None:
    """Protects the tables of the dialects: every leaf is listed, with a code of its own."""

    def descend(kind: type[KilonovaError]) -> Iterator[type[KilonovaError]]:
        for child in kind.__subclasses__():
            yield child
            yield from descend(child)

    ours = {kind for kind in descend(KilonovaError) if kind.__module__ == "kilonova.core.errors"}
    assert ours == set(LEAVES)
    assert len({leaf.code for leaf in LEAVES}) == len(LEAVES)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("server", ServerSettings),
        ("console", ConsoleSettings),
        ("oidc", OidcSettings),
        ("oidc.admit", OidcRule),
        ("tls", TlsSettings),
        ("statements", StatementSettings),
        ("store", StoreSettings),
        ("limits", LimitSettings),
        ("alerts", AlertSettings),
        ("s3", S3Settings),
        ("prices", PriceSettings),
        ("invoice", InvoiceSettings),
    ],
)
def test_every_setting_is_documented(section: str, kind: type) -> None:
    """Protects the operator: no setting without a line in docs/reference/configuration.md."""
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    missing = [name for name in kind.__struct_fields__ if f"`{section}.{name}`" not in page]
    assert missing == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_option_is_documented(kind: str) -> None:
    """Protects the operator: no option of an engine without a line on the same page."""
    module, name = KINDS[kind]
    options = getattr(import_module(module), name).Options
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    assert [option for option in options.__struct_fields__ if f"`{option}`" not in page] == []


def test_every_error_code_is_documented() -> None:
    """Protects the caller: docs/reference/errors.md explains each code."""
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    assert [leaf.code for leaf in LEAVES if f"`{leaf.code}`" not in page] == []


def test_nothing_of_the_machine_is_committed() -> None:
    """Protects readers elsewhere: no absolute path of a developer's machine in the sources."""
    here = re.escape(f"{ROOT.parent}/")
    pattern = re.compile(rf"{here}|/root/|/home/\w+/")
    files = [*SOURCES, *TRAINING, *BENCHMARKS, *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile"]
    found = [_where(path) for path in files if pattern.search(path.read_text())]
    assert found == []
