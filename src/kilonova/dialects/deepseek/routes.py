"""Which URL of DeepSeek's API does what here: OpenAI's operations, and the balance."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from kilonova.dialects.deepseek.addresses import operation_of
from kilonova.dialects.deepseek.encode import encode_balance, usage_of
from kilonova.dialects.deepseek.errors import encode_error, encode_stream_error
from kilonova.dialects.openai import OpenAISurface
from kilonova.dialects.openai.answer_headers import JSON, answer_headers
from kilonova.dialects.openai.chat import ChatCompletions
from kilonova.dialects.openai.completions.operation import Completions
from kilonova.dialects.openai.credentials import call
from kilonova.gateway.gateway import Gateway
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Request, Response

__all__ = ["DIALECT", "DeepSeekSurface"]

DIALECT = "deepseek"


class DeepSeekSurface:
    """Chat, completions, models and the balance. It stands behind ``openai``, whose ``/v1`` it
    leaves alone."""

    def __init__(
        self,
        gateway: Gateway,
        openai: OpenAISurface,
        *,
        currency: str,
        body_bytes_max: int = 32 * 1024 * 1024,
    ) -> None:
        self._gateway = gateway
        # Budgets are in the currency of the books, which is one.
        self._currency = currency
        self._openai = openai
        chat = ChatCompletions(gateway, usage=usage_of, fail=encode_stream_error)
        # Without a limit an answer is as long as it gets: there is no short default on this wire.
        completions = Completions(gateway, output_tokens=None, fail=encode_stream_error)
        handlers: dict[tuple[str, bytes], Callable[[Request], Awaitable[Answer]]] = {
            ("POST", b"/chat/completions"): chat.handle,
            ("POST", b"/completions"): completions.handle,
            ("GET", b"/user/balance"): self.balance,
        }
        self._own = {
            key: Endpoint(
                handle=handle,
                fail=encode_error,
                body_bytes_max=0 if key[0] == "GET" else body_bytes_max,
            )
            for key, handle in handlers.items()
        }

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path, as every surface does."""
        operation = operation_of(request.raw_path)
        if operation is None:
            return None
        endpoint = self._own.get((request.method, operation))
        if endpoint is None and request.method == "GET":
            models = self._openai.operation(request, operation)
            endpoint = None if models is None else replace(models, fail=encode_error)
        if endpoint is not None:
            request.trace.dialect = DIALECT
        return endpoint

    async def balance(self, request: Request) -> Answer:
        """``GET /user/balance``: what the caller may still spend, by the tightest of the budgets
        of its key, project and organisation."""
        caller = self._gateway.authorise(call(request))
        left_nano = self._gateway.budget_left_nano(caller)
        body = encode_balance(left_nano, self._currency)
        return Response(200, body, (JSON, *answer_headers(request, [])))
