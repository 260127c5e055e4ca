"""Writes a card as the files that travel beside the weights: a page, its JSON, its pictures."""

from pathlib import Path

import msgspec

from cards.card import Card, Verdict
from cards.charts import Picture
from cards.cost import Bill, bill_of, read_assumptions
from cards.markdown import page

__all__ = ["PICTURE_BYTES_MAX", "write_card"]

PICTURE_BYTES_MAX = 60_000


class _Written(msgspec.Struct, frozen=True):
    """The JSON file: the card, and what follows from it."""

    card: Card
    verdict: Verdict
    bill: Bill | None


def write_card(card: Card, folder: Path, *, stem: str) -> list[Path]:
    """Write `stem.md`, `stem.json` and `stem-PICTURE.svg`; pictures of an earlier card go away.

    Raises ValueError where a picture is too heavy for a package, or a resource has no price.
    """
    assumptions = read_assumptions()
    bill = bill_of(card.work, assumptions) if card.work else None
    files = {folder / f"{stem}-{picture.name}.svg": picture.svg for picture in card.pictures}
    for path, svg in files.items():
        if len(svg.encode()) > PICTURE_BYTES_MAX:
            raise ValueError(f"{path.name} is heavier than {PICTURE_BYTES_MAX:,} bytes")
    told = msgspec.structs.replace(
        card, pictures=tuple(Picture(item.name, item.title, "") for item in card.pictures)
    )
    written = msgspec.json.encode(_Written(told, card.verdict(), bill), order="deterministic")
    files[folder / f"{stem}.json"] = msgspec.json.format(written, indent=1).decode() + "\n"
    files[folder / f"{stem}.md"] = page(card, stem=stem, bill=bill, assumptions=assumptions)
    for stale in set(folder.glob(f"{stem}-*.svg")) - set(files):
        stale.unlink()
    for path, text in files.items():
        _replace(path, text)
    return sorted(files)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
