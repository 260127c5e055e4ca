"""Google's wire, that of the Gemini API and that of Vertex AI: content, tokens, models, vectors."""

from kilonova.dialects.gemini.routes import GeminiSurface

__all__ = ["GeminiSurface"]
