"""An invoice as plain text, for a terminal or an e-mail."""

from kilonova.billing.invoice.page import Page

__all__ = ["as_text"]

_RIGHT = 3  # quantity, price and amount stand to the right


def as_text(page: Page) -> str:
    """Lines that end with a newline each; as wide as the longest needs."""
    table = _table(page)
    width = max(len(line) for line in table)
    parts = [
        [page.title, "=" * len(page.title)],
        [page.warning] if page.warning else [],
        _facts(page),
        [page.words["from"], *(f"  {line}" for line in page.issuer)] if page.issuer else [],
        [page.words["to"], *(f"  {line}" for line in page.customer)],
        table,
        [_across(label, value, width) for label, value in page.items],
        [_across(label, value, width) for label, value in page.sums],
        list(page.notes),
    ]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)


def _facts(page: Page) -> list[str]:
    wide = max(len(label) for label, _ in page.facts)
    return [f"{label.ljust(wide)}  {value}" for label, value in page.facts]


def _table(page: Page) -> list[str]:
    if not page.groups:
        return [page.words["nothing"]]
    rows = [row for group in page.groups for row in group.rows]
    widths = [max(map(len, column)) for column in zip(page.heads, *rows, strict=True)]
    head = _row(page.heads, widths)
    lines = [head, "-" * len(head)]
    for group in page.groups:
        lines.append(_across(f"{page.words['project']} {group.title}", group.total, len(head)))
        lines += [_row(row, widths) for row in group.rows]
    return lines


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    left = len(cells) - _RIGHT
    padded = [
        cell.ljust(width) if place < left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded)


def _across(label: str, value: str, width: int) -> str:
    """Left and right on one line."""
    return label + value.rjust(max(width - len(label), len(value) + 1))
