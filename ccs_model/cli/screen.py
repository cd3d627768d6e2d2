"""How wide the screen and a text on it are."""

from __future__ import annotations

import shutil
import unicodedata

# Where the width of the terminal is not known, as in a file.
USUAL_WIDTH = 120
WIDEST_TEXT = 140


def columns() -> int:
    """Columns of the terminal, and at most WIDEST_TEXT."""
    return min(shutil.get_terminal_size((USUAL_WIDTH, 24)).columns, WIDEST_TEXT)


def width_of(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut_to(text: str, width: int) -> str:
    """The text, cut with an ellipsis where it is wider."""
    if width_of(text) <= width:
        return text
    kept = text
    while width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def filled(text: str, width: int, indent: str = "") -> str:
    """The words in lines no wider than `width`, later lines indented."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        if width_of(longer) <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return "\n".join(lines)
