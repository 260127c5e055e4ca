"""An HTML page with pictures, which refers to nothing outside itself."""

from collections.abc import Sequence
from html import escape

__all__ = ["figure", "page", "preformatted"]

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "pre{overflow-x:auto;background:#f6f8fa;padding:1rem;font-size:12.5px}svg{max-width:44rem;display:block}"
    "figcaption{color:#555;margin:.2rem 0 1.6rem}figure{margin:0}"
)


def page(title: str, parts: Sequence[str], *, language: str = "en", style: str = "") -> str:
    """The page, whole. ``style`` comes after what all pages have."""
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{meta}<title>{escape(title)}</title><style>{_STYLE}{style}</style>"
    lines = [f'<!doctype html>\n<html lang="{language}"><head>{head}</head>', "<body>"]
    lines += [f"<h1>{escape(title)}</h1>", *parts, "</body></html>", ""]
    return "\n".join(lines)


def preformatted(lines: Sequence[str]) -> str:
    """Lines of text as they are."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def figure(picture: str, words: str) -> str:
    """A picture with what it says."""
    return f"<figure>{picture}<figcaption>{escape(words)}</figcaption></figure>"
