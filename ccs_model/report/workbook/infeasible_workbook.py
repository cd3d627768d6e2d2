"""The workbook of an infeasible problem: one sheet with the conflicting constraints."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import xlsxwriter

import ccs_model
from ccs_model.report.language import LANGUAGES, Language
from ccs_model.report.workbook.cell_values import checked_text, quoted
from ccs_model.report.workbook.workbook import CREATED, options

SHEET = "Infeasible"
LEAD = "The problem is infeasible: these constraints conflict; relaxing any one of them restores feasibility."
_NO_CONFLICT = "No single constraint restores feasibility when it is relaxed alone."
_HEADINGS = ("Constraint or key", "Conflict, and the smallest relaxation found that restores feasibility")
_WIDTHS = (32, 110)
_PAIR = re.compile(r"; and (?=[a-z_.]+: )")


def leads() -> frozenset[str]:
    """The first sentence of the sheet in every language."""
    return frozenset(Language(lang).sentence(LEAD) for lang in LANGUAGES)


def infeasible_workbook(conflicts: Sequence[str], name: str, lang: str = "en") -> bytes:
    """Return the workbook with one row per conflicting constraint; equal conflicts give equal bytes."""
    language = Language(lang)
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, options())
    book.set_properties({"title": name, "author": f"ccs-model {ccs_model.__version__}", "created": CREATED})
    sheet = book.add_worksheet(SHEET)
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    title = book.add_format({"bold": True, "font_size": 16, **quoted(name)})
    bold, plain = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    sheet.write_string(0, 0, checked_text(name, SHEET), title)
    sheet.write_string(1, 0, language.sentence(LEAD))
    for column, heading in enumerate(_HEADINGS):
        sheet.write_string(3, column, language.label(heading), bold)
    for row, conflict in enumerate(conflicts or (_NO_CONFLICT,), start=4):
        # A pair of changes is one conflict.
        parts = [part.partition(": ") if ": " in part else ("", "", part) for part in _PAIR.split(conflict)]
        names = [language.value(constraint, "constraint") for constraint, _, _ in parts]
        texts = [language.sentence(what) for _, _, what in parts]
        is_same = texts == [what for _, _, what in parts]
        for column, text in enumerate((", ".join(names), conflict if is_same else "\n".join(texts))):
            form = book.add_format({"text_wrap": True, "valign": "top", **quoted(text)}) if quoted(text) else plain
            sheet.write_string(row, column, checked_text(text, SHEET), form)
    sheet.freeze_panes(4, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()
