"""Kilonova: a generative-AI cloud that an organisation runs itself."""

__all__ = ["__version__"]

__version__ = "0.1.0"
