"""Anthropic's words for thinking → the platform's. Pure.

These are wishes: what a model cannot honour of them is taken out, and named by ``parameters.py``.
"""

from kilonova.core import chat
from kilonova.core.model import Model
from kilonova.dialects.anthropic.complaints import invalid
from kilonova.dialects.anthropic.schema import CountBody, ThinkingConfig

__all__ = ["decode_thinking"]

_EFFORTS: dict[str, chat.Effort] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
_THINKS = ("enabled", "adaptive")


def decode_thinking(body: CountBody, model: Model, *, max_tokens: int | None) -> chat.Thinking:
    """Raises InvalidRequest for thinking that leaves no room, or that a forced call rules out."""
    asked = body.thinking
    said = body.output_config.effort if body.output_config is not None else None
    effort = None if said is None else _EFFORTS[said]
    if asked is None:
        return chat.Thinking(effort=effort)
    _check_budget(asked, max_tokens)
    if asked.type == "between_tools":
        return chat.Thinking(effort=effort)
    is_on = asked.type in _THINKS
    if is_on and model.can("reasoning"):
        _check_choice(body)
    return chat.Thinking(is_on=is_on, effort=effort, budget_tokens=asked.budget_tokens)


def _check_budget(asked: ThinkingConfig, max_tokens: int | None) -> None:
    if asked.type != "enabled":
        for name in ("budget_tokens", "display"):
            is_meant = name == "display" and asked.type == "adaptive"
            if getattr(asked, name) is not None and not is_meant:
                raise invalid(f"thinking.{asked.type}.{name}", "Extra inputs are not permitted")
        return
    if asked.budget_tokens is None:
        raise invalid("thinking.enabled.budget_tokens", "Field required")
    if max_tokens is not None and asked.budget_tokens >= max_tokens:
        raise invalid("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`")


def _check_choice(body: CountBody) -> None:
    """A call that is forced leaves no place for thoughts."""
    if body.tool_choice is not None and body.tool_choice.type in ("any", "tool"):
        raise invalid(
            "tool_choice", "Thinking may not be enabled when tool_choice forces tool use."
        )
