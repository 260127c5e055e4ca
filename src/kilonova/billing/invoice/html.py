"""An invoice as one HTML page that prints well on A4. It loads nothing from anywhere."""

from html import escape

from kilonova.billing.invoice.page import Group, Page

__all__ = ["as_html"]

_STYLE = """\
@page { size: A4; margin: 18mm 16mm 20mm; @bottom-left { content: FOOTER; }
  @bottom-right { content: PAGE " " counter(page) " / " counter(pages); } }
@page { @bottom-left { font: 8pt sans-serif; color: #555; }
  @bottom-right { font: 8pt sans-serif; color: #555; } }
* { box-sizing: border-box; }
body { font: 10pt/1.45 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif;
  color: #16181d; margin: 0 auto; max-width: 178mm; padding: 8mm 0; }
h1 { font-size: 22pt; font-weight: 600; margin: 0 0 6mm; letter-spacing: -0.01em; }
.warning { border: 1px solid #b45309; color: #92400e; background: #fffbeb; padding: 2mm 3mm;
  margin-bottom: 6mm; }
.top { display: flex; justify-content: space-between; gap: 10mm; margin-bottom: 9mm;
  align-items: flex-start; }
.top h2, .party h2 { font-size: 8pt; font-weight: 600; color: #555; margin: 0 0 1mm;
  text-transform: uppercase; letter-spacing: 0.06em; }
address { font-style: normal; }
dl { display: grid; grid-template-columns: auto auto; gap: 0.5mm 5mm; margin: 0; }
dt { color: #555; } dd { margin: 0; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-size: 9pt; }
thead { display: table-header-group; }
th { text-align: left; font-weight: 600; border-bottom: 1.2pt solid #16181d; padding: 1.2mm 1.5mm; }
td { padding: 0.8mm 1.5mm; border-bottom: 0.4pt solid #d8dbe2; vertical-align: top; }
tr { break-inside: avoid; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.group td { font-weight: 600; background: #f2f4f8; border-bottom: 0.4pt solid #aab0bd; }
tbody { break-before: auto; } .group { break-after: avoid; }
.sums { margin: 6mm 0 0 auto; width: auto; min-width: 50%; break-inside: avoid; font-size: 10pt; }
.sums td { border: 0; } .sums tr:last-child td { font-weight: 700; font-size: 12pt;
  border-top: 1.2pt solid #16181d; padding-top: 2mm; }
.items { margin-top: 6mm; }
.notes { margin-top: 10mm; color: #555; font-size: 8.5pt; white-space: pre-line;
  break-inside: avoid; }
@media print { body { padding: 0; max-width: none; } }
"""
_RIGHT = 3


def as_html(page: Page) -> str:
    """The whole page."""
    style = _STYLE.replace("FOOTER", _quoted(page.footer))
    style = style.replace("PAGE", _quoted(page.words["page"]))
    facts = "".join(
        f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in page.facts
    )
    warning = f'<p class="warning">{escape(page.warning)}</p>\n' if page.warning else ""
    notes = "\n\n".join(page.notes)
    return f"""\
<!doctype html>
<html lang="{page.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(page.footer)}</title>
<style>
{style}</style>
</head>
<body>
<h1>{escape(page.title)}</h1>
{warning}<div class="top">
{_party(page.words["from"], page.issuer)}{_party(page.words["to"], page.customer)}
<dl>{facts}</dl>
</div>
{_table(page)}
{_pairs("items", page.items)}
{_pairs("sums", page.sums)}
<p class="notes">{escape(notes)}</p>
</body>
</html>
"""


def _quoted(text: str) -> str:
    """A string of CSS inside a style element."""
    safe = "".join(
        letter if letter.isalnum() or letter in " -.,'" else f"\\{ord(letter):06x}"
        for letter in text
    )
    return f'"{safe}"'


def _party(title: str, lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    inside = "<br>".join(map(escape, lines))
    return f"<div><h2>{escape(title)}</h2><address>{inside}</address></div>\n"


def _table(page: Page) -> str:
    if not page.groups:
        return f"<p>{escape(page.words['nothing'])}</p>"
    heads = "".join(_cell("th", head, place) for place, head in enumerate(page.heads))
    bodies = "\n".join(_group(page.words["project"], group) for group in page.groups)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n{bodies}\n</table>"


def _group(word: str, group: Group) -> str:
    title = f'<td colspan="5">{escape(word)} {escape(group.title)}</td>'
    total = f'<td class="number">{escape(group.total)}</td>'
    rows = "\n".join(
        f"<tr>{''.join(_cell('td', cell, place) for place, cell in enumerate(row))}</tr>"
        for row in group.rows
    )
    return f'<tbody><tr class="group">{title}{total}</tr>\n{rows}</tbody>'


def _cell(kind: str, text: str, place: int) -> str:
    style = ' class="number"' if place >= _RIGHT else ""
    return f"<{kind}{style}>{escape(text)}</{kind}>"


def _pairs(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    if not pairs:
        return ""
    rows = "\n".join(
        f'<tr><td>{escape(label)}</td><td class="number">{escape(value)}</td></tr>'
        for label, value in pairs
    )
    return f'<table class="{name}">\n{rows}\n</table>'
