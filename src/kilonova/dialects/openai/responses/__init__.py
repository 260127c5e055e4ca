"""OpenAI's Responses API: one request, one response, kept for as long as its caller may go on.

A response is stored with its own input and output and the id of the response before it; a
conversation is read by walking back. ``docs/decisions/0014`` says what is kept and why.
"""

from kilonova.dialects.openai.responses.routes import Responses

__all__ = ["Responses"]
