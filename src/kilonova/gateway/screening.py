"""Texts read by a guardrail: scanned and metered as any classification, and judged.

A text that is longer than the scanner reads at once is read in pieces that overlap, so that nothing
hides where two of them meet.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from kilonova.gateway.call import Caller
from kilonova.gateway.classification import ClassificationRequest, Classifications
from kilonova.guardrails.policy import Guardrail, Verdict, judge
from kilonova.guardrails.scan import Scan, Span

__all__ = ["Screening"]

# No find is longer, but for signed tokens, which are one word.
_OVERLAP_CHARACTERS = 512
_WORD_BACKWARDS = re.compile(r"[\w.-]*")


class Screening:
    """The guardrails of an installation, and what reads for them.

    ``characters_at_once`` is what the scanner reads of a text in one go.
    """

    def __init__(
        self,
        classifications: Classifications,
        guardrails: Mapping[str, Guardrail],
        *,
        characters_at_once: int = 8_192,
    ) -> None:
        self._classifications = classifications
        self._guardrails = guardrails
        # Pieces must move on by more than they overlap.
        self._characters_at_once = max(characters_at_once, 2 * _OVERLAP_CHARACTERS)

    def find(self, name: str, version: str) -> Guardrail | None:
        """A guardrail in a version: its own, or the draft, which is the same."""
        guardrail = self._guardrails.get(name)
        is_there = guardrail is not None and version in ("DRAFT", guardrail.version)
        return guardrail if is_there else None

    async def judge(
        self, caller: Caller, guardrail: Guardrail, texts: Sequence[str], *, is_input: bool
    ) -> tuple[Verdict, ...]:
        """One verdict a text. One permit and one record for all of them."""
        scans = await self.scan(caller, texts)
        return tuple(
            judge(text, scan, guardrail, is_input=is_input)
            for text, scan in zip(texts, scans, strict=True)
        )

    async def scan(self, caller: Caller, texts: Sequence[str]) -> tuple[Scan, ...]:
        """One scan a text, however long."""
        size = self._characters_at_once
        starts = [_starts(text, size) for text in texts]
        pieces = [
            text[start : start + size]
            for text, places in zip(texts, starts, strict=True)
            for start in places
        ]
        read = await self._classifications.classify(
            caller, ClassificationRequest(model=None, texts=tuple(pieces))
        )
        scans = iter(read.scans)
        return tuple(_joined([(start, next(scans)) for start in places]) for places in starts)


def _starts(text: str, size: int) -> list[int]:
    """Where the pieces begin. A word that the end of one cuts begins the next, if that holds it."""
    starts = [0]
    while (end := starts[-1] + size) < len(text):
        cut = _WORD_BACKWARDS.match(text[end - 1 : starts[-1] : -1])
        start = end - max(_OVERLAP_CHARACTERS, 0 if cut is None else cut.end())
        is_new = start > starts[-1] + 1
        starts.append(start if is_new else end - _OVERLAP_CHARACTERS)
    return starts


def _joined(parts: Sequence[tuple[int, Scan]]) -> Scan:
    """One scan for a text that was read in pieces: the worst of each."""
    if len(parts) == 1:
        return parts[0][1]
    spans = {
        Span(span.kind, span.start + start, span.end + start)
        for start, scan in parts
        for span in scan.personal_data
    }
    worst = max((scan for _, scan in parts), key=lambda scan: scan.injection.score)
    return replace(worst, personal_data=_apart(sorted(spans, key=lambda s: (s.start, -s.end))))


def _apart(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Without those that lie in another: a piece may have seen but a part of a find."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.end > kept[-1].end:
            kept.append(span)
    return tuple(kept)
