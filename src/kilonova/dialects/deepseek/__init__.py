"""DeepSeek's wire: OpenAI's chat at DeepSeek's addresses, with its usage, balance and errors."""

from kilonova.dialects.deepseek.routes import DeepSeekSurface

__all__ = ["DeepSeekSurface"]
