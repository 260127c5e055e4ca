"""Ways to run models, one file or folder each, opened by kind.

The table is lazy: importing this package loads no engine and nothing that an engine needs. An
engine is a class with an ``Options`` struct of its own and the face of ``core.ports.Engine``; it is
made without any work, and ``start`` does the rest.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import msgspec

from kilonova.core.ports import Engine

__all__ = ["KINDS", "EngineOptionsError", "open_engine"]

KINDS: dict[str, tuple[str, str]] = {
    "echo": ("kilonova.engines.echo", "Echo"),
    "static": ("kilonova.engines.static.engine", "StaticVectors"),
    "llamacpp": ("kilonova.engines.llamacpp.engine", "LlamaCpp"),
    "upstream": ("kilonova.engines.upstream", "Upstream"),
}


class EngineOptionsError(ValueError):
    """The configuration of an engine is wrong; the message names the engine and the key."""


class _EngineClass(Protocol):
    @property
    def Options(self) -> type[msgspec.Struct]: ...  # noqa: N802 (it is a type)

    def __call__(self, name: str, options: msgspec.Struct, home: Path) -> Engine: ...


def open_engine(kind: str, name: str, options: dict[str, object], *, home: Path) -> Engine:
    """The engine ``name`` of this ``kind``, not started. ``home`` is where it may keep files."""
    if kind not in KINDS:
        raise EngineOptionsError(
            f"engines.{name}.kind: there is no engine {kind!r}; choose one of {', '.join(KINDS)}"
        )
    module, class_name = KINDS[kind]
    engine_class = cast(_EngineClass, getattr(import_module(module), class_name))
    return engine_class(name, _convert(engine_class.Options, name, options), home)


def _convert(
    options_type: type[msgspec.Struct], name: str, options: dict[str, object]
) -> msgspec.Struct:
    known = options_type.__struct_fields__
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise EngineOptionsError(
            f"engines.{name}.{unknown[0]}: unknown option; known are {', '.join(sorted(known))}"
        )
    try:
        return msgspec.convert(options, options_type)
    except msgspec.ValidationError as error:
        raise EngineOptionsError(f"engines.{name}: {error}") from error
