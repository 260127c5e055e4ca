"""An invoice as PDF, with the optional package ``fpdf2``. The same page gives the same bytes: its
date is the invoice's, and nothing is compressed, because compressors differ between machines.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from kilonova.billing.invoice.page import Page
from kilonova.core.errors import InvalidRequest

if TYPE_CHECKING:
    from fpdf import FPDF, FontFace

__all__ = ["as_pdf"]

_FONT = "Helvetica"
_WIDTHS = (24, 9, 18, 17, 16, 16)
_ALIGN = ("LEFT", "LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT")
_GREY = (90, 94, 104)
_BLACK = (22, 24, 29)
_LINE = (190, 194, 204)
_SHADE = (242, 244, 248)


def as_pdf(page: Page, day: str) -> bytes:
    """``day`` (2026-11-01) becomes the date of the file. Raises InvalidRequest where the package is
    not installed. Letters that the built-in fonts do not have become question marks."""
    try:
        from fpdf import FPDF, FontFace
    except ImportError:
        raise InvalidRequest(
            "PDF needs a package that is not installed here: pip install 'kilonova[export]'. "
            "HTML needs none, and browsers print it.",
            param="format",
            reason="package_missing",
        ) from None

    class _Sheet(FPDF):
        def footer(self) -> None:
            self.set_y(-14)
            _write(self, 8, colour=_GREY)
            self.cell(self.epw / 2, 5, _plain(page.footer))
            number = f"{page.words['page']} {self.page_no()} / {{nb}}"
            self.cell(self.epw / 2, 5, number, align="R")

    sheet = _Sheet(format="A4")
    sheet.set_compression(False)
    sheet.set_creation_date(datetime.fromisoformat(day).replace(tzinfo=UTC))
    sheet.set_title(_plain(page.footer))
    sheet.set_lang(page.language)
    sheet.set_margins(16, 18, 16)
    sheet.set_auto_page_break(True, margin=20)
    sheet.set_draw_color(*_LINE)
    sheet.set_line_width(0.15)
    sheet.add_page()
    _draw_head(sheet, page)
    _draw_lines(sheet, page, FontFace(emphasis="BOLD", fill_color=_SHADE))
    _draw_pairs(sheet, page.items)
    _draw_sums(sheet, page)
    _write(sheet, 8, colour=_GREY)
    sheet.ln(8)
    sheet.multi_cell(0, 4, _plain("\n\n".join(page.notes)), new_x="LMARGIN", new_y="NEXT")
    return bytes(sheet.output())


def _write(
    sheet: "FPDF", size: float, *, bold: bool = False, colour: tuple[int, int, int] = _BLACK
) -> None:
    sheet.set_font(_FONT, "B" if bold else "", size)
    sheet.set_text_color(*colour)


def _plain(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def _draw_head(sheet: "FPDF", page: Page) -> None:
    _write(sheet, 22, bold=True)
    sheet.cell(0, 12, _plain(page.title), new_x="LMARGIN", new_y="NEXT")
    sheet.ln(3)
    if page.warning:
        _write(sheet, 9, colour=(146, 64, 14))
        sheet.multi_cell(0, 5, _plain(page.warning), border=1, new_x="LMARGIN", new_y="NEXT")
        sheet.ln(4)
    top, third = sheet.get_y(), sheet.epw / 3
    ends = [
        _draw_block(sheet, page.words["from"], page.issuer, left=sheet.l_margin),
        _draw_block(sheet, page.words["to"], page.customer, left=sheet.l_margin + third, top=top),
        _draw_facts(sheet, page, top=top),
    ]
    sheet.set_xy(sheet.l_margin, max(ends) + 7)


def _draw_block(
    sheet: "FPDF", title: str, lines: tuple[str, ...], *, left: float, top: float | None = None
) -> float:
    """Returns where it ends."""
    if not lines:
        return sheet.get_y()
    sheet.set_xy(left, sheet.get_y() if top is None else top)
    width = sheet.epw / 3 - 4
    _write(sheet, 8, colour=_GREY)
    sheet.multi_cell(width, 5, _plain(title), align="L", new_x="LEFT", new_y="NEXT")
    _write(sheet, 9.5)
    for line in lines:
        sheet.multi_cell(width, 4.8, _plain(line), align="L", new_x="LEFT", new_y="NEXT")
    return float(sheet.get_y())


def _draw_facts(sheet: "FPDF", page: Page, *, top: float) -> float:
    left = sheet.l_margin + sheet.epw * 2 / 3
    width = sheet.epw / 3
    sheet.set_xy(left, top)
    for label, value in page.facts:
        _write(sheet, 8, colour=_GREY)
        sheet.multi_cell(width, 4, _plain(label), align="L", new_x="LEFT", new_y="NEXT")
        _write(sheet, 9.5)
        sheet.multi_cell(width, 4.6, _plain(value), align="L", new_x="LEFT", new_y="NEXT")
        sheet.ln(0.8)
        sheet.set_x(left)
    return float(sheet.get_y())


def _draw_lines(sheet: "FPDF", page: Page, shaded: "FontFace") -> None:
    _write(sheet, 8)
    if not page.groups:
        sheet.multi_cell(0, 6, _plain(page.words["nothing"]), new_x="LMARGIN", new_y="NEXT")
        return
    with sheet.table(
        col_widths=_WIDTHS,
        text_align=_ALIGN,
        borders_layout="HORIZONTAL_LINES",
        line_height=5,
        padding=0.6,
    ) as table:
        table.row([_plain(head) for head in page.heads])
        for group in page.groups:
            row = table.row(style=shaded)
            row.cell(_plain(f"{page.words['project']} {group.title}"), colspan=5)
            row.cell(_plain(group.total))
            for cells in group.rows:
                table.row([_plain(cell) for cell in cells])
    sheet.ln(4)


def _draw_pairs(sheet: "FPDF", pairs: tuple[tuple[str, str], ...]) -> None:
    if not pairs:
        return
    _write(sheet, 8.5)
    with sheet.table(
        col_widths=(75, 25),
        text_align=("LEFT", "RIGHT"),
        borders_layout="HORIZONTAL_LINES",
        first_row_as_headings=False,
        line_height=5,
        padding=0.6,
    ) as table:
        for pair in pairs:
            table.row([_plain(cell) for cell in pair])
    sheet.ln(4)


def _draw_sums(sheet: "FPDF", page: Page) -> None:
    left = sheet.l_margin + sheet.epw * 0.4
    if sheet.will_page_break(6 * len(page.sums) + 10):
        sheet.add_page()
    for label, value in page.sums:
        is_last = (label, value) == page.sums[-1]
        _write(sheet, 12 if is_last else 9.5, bold=is_last)
        sheet.set_x(left)
        border: Literal["T", 0] = "T" if is_last else 0
        sheet.cell(sheet.epw * 0.36, 8 if is_last else 5.5, _plain(label), border=border)
        sheet.cell(
            *(sheet.epw * 0.24, 8 if is_last else 5.5, _plain(value)),
            border=border,
            align="R",
            new_x="LMARGIN",
            new_y="NEXT",
        )
