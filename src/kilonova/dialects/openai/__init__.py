"""OpenAI's wire: chat completions, embeddings and models, under ``/v1`` and ``/openai/v1``."""

from kilonova.dialects.openai.routes import OpenAISurface

__all__ = ["OpenAISurface"]
