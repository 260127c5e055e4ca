"""Anthropic's wire: messages, token counts and models; also as clouds serve it."""

from kilonova.dialects.anthropic.routes import AnthropicSurface

__all__ = ["AnthropicSurface"]
