"""Azure OpenAI's wire: OpenAI's operations at Azure's addresses, with Azure's errors."""

from kilonova.dialects.azure.routes import AzureSurface

__all__ = ["AzureSurface"]
