"""A formula as it is seen from its own cell: the same for all cells that a formula is filled into.

Programs that save a workbook write every filled formula in full, leave out spaces and quotation marks around names of
sheets, and write numbers and ranges in another form. None of that changes the text that `seen_from` gives.
"""

from __future__ import annotations

import re

# Texts, cells with or without dollar signs, numbers, names and functions, signs.
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"]|"")*")
    |(?P<cell>(?<![\w.])\$?[A-Z]{1,3}\$?[0-9]{1,7}(?![\w.(]))
    |(?P<number>(?<![\w.])(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    |(?P<name>[^\W0-9][\w.]*)
    |(?P<space>[\s'])
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
# A sheet that is named for both ends of a range, and a range of one cell.
_END = r"R(?:\[-?[0-9]+\]|[0-9]+)C(?:\[-?[0-9]+\]|[0-9]+)(?![0-9])"
_SHEET_AGAIN = re.compile(rf"(?<!\w)(\w+)!({_END}):\1!(?={_END})")
_ONE_CELL = re.compile(rf"({_END}):\1")
_CELL = re.compile(r"(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7})")


def seen_from(formula: str, row: int, column: int) -> str:
    """The formula of the cell at `row` and `column`, with cells that move along by their distance.

    Rows and columns are counted from 1.
    """
    seen = "".join(_seen(match, row, column) for match in _TOKEN.finditer(formula.removeprefix("=")))
    return _ONE_CELL.sub(r"\1", _SHEET_AGAIN.sub(r"\1!\2:", seen))


def _seen(match: re.Match[str], row: int, column: int) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "space":
        return ""
    if kind == "number":
        return f"{float(text):.12g}"
    if kind == "name":
        return text.lower()
    if kind != "cell":
        return text
    cell = _CELL.fullmatch(text)
    assert cell is not None
    fixed_column, letters, fixed_row, number = cell.groups()
    at = 0
    for letter in letters:
        at = 26 * at + ord(letter) - 64
    across = f"C{at}" if fixed_column else f"C[{at - column}]"
    down = f"R{int(number)}" if fixed_row else f"R[{int(number) - row}]"
    return down + across
