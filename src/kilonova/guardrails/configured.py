"""The guardrails of an installation: the packaged one, and those of ``[guardrails.ID]``."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from kilonova.guardrails.policy import ALL_KINDS, Action, Guardrail, Strength
from kilonova.guardrails.scan import Kind
from kilonova.settings import SettingsError

__all__ = ["GuardrailEntry", "plan_guardrails"]

_ID = re.compile(r"[a-z0-9]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,7}")
_DEFAULT = Guardrail(id="sentry")


class GuardrailEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the configuration. ``kinds`` overrides ``personal_data`` for single kinds; a
    kind with the action ``ignore`` is not looked for."""

    version: str = "1"
    prompt_attack: Strength = "high"
    prompt_attack_action: Literal["block", "none"] = "block"
    personal_data: Literal["block", "anonymise", "none", "ignore"] = "anonymise"
    kinds: dict[Kind, Literal["block", "anonymise", "none", "ignore"]] = field(default_factory=dict)
    blocked_input: str = _DEFAULT.blocked_input
    blocked_output: str = _DEFAULT.blocked_output

    def guardrail(self, name: str) -> Guardrail:
        """As the platform uses it."""
        actions: dict[Kind, Action] = {}
        for kind in ALL_KINDS:
            action = self.kinds.get(kind, self.personal_data)
            if action != "ignore":
                actions[kind] = action
        return Guardrail(
            id=name,
            version=self.version,
            prompt_attack=self.prompt_attack,
            prompt_attack_action=self.prompt_attack_action,
            personal_data=actions,
            blocked_input=self.blocked_input,
            blocked_output=self.blocked_output,
        )


def plan_guardrails(written: Mapping[str, Mapping[str, Any]]) -> dict[str, Guardrail]:
    """By id. Raises SettingsError."""
    planned = {_DEFAULT.id: _DEFAULT}
    for name, table in written.items():
        if not _ID.fullmatch(name):
            raise SettingsError(f"guardrails.{name}: an id is 1 to 64 of a-z and 0-9")
        try:
            entry = msgspec.convert(table, GuardrailEntry)
        except msgspec.ValidationError as error:
            raise SettingsError(f"guardrails.{name}: {error}") from None
        if not _VERSION.fullmatch(entry.version):
            raise SettingsError(f'guardrails.{name}.version: a number as text, such as "1"')
        planned[name] = entry.guardrail(name)
    return planned
