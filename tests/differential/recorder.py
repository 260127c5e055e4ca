"""An engine that keeps what it was asked, and says what it was told to."""

from collections.abc import AsyncGenerator

from kilonova.core.chat import ChatRequest
from kilonova.core.events import ChatEvent
from kilonova.engines.echo import Echo


class Recorder(Echo):
    """Echoes, unless ``says`` holds answers: it gives them in turn, to whoever asks."""

    def __init__(self) -> None:
        super().__init__("echo")
        self.asked: list[ChatRequest] = []
        self.says: list[list[ChatEvent]] = []

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.asked.append(request)
        if not self.says:
            return super().chat(request)
        return _played(self.says.pop(0))


async def _played(events: list[ChatEvent]) -> AsyncGenerator[ChatEvent, None]:
    for event in events:
        yield event
