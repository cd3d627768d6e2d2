"""Formulas relative to their own cell: changes that programs make on saving are ignored."""

from __future__ import annotations

import pytest

from ccs_model.report.workbook.solver_fingerprints import relative_formula


@pytest.mark.parametrize(
    ("written", "saved"),
    [
        ("=SUM($B$50:$B$50)", "SUM($B$50)"),
        ("SUM(Economics!$AG$11:Economics!$AK$11)", "SUM(Economics!$AG$11:$AK$11)"),
        ("Economics!$B$2*2", "'Economics'!$B$2 * 2.0"),
        ("$B7*1e-3", "$B7*0.001"),
        ('IF(budget_mn>0,"a b","")', 'IF( budget_mn > 0, "a b", "" )'),
    ],
)
def test_other_spelling_of_a_formula_is_the_same_formula(written: str, saved: str) -> None:
    assert relative_formula(written, 5, 3) == relative_formula(saved, 5, 3)


def test_a_filled_formula_is_the_same_in_every_row() -> None:
    assert relative_formula("$B7*C$3+SUM(D7:D9)", 7, 3) == relative_formula("$B12*C$3+SUM(D12:D14)", 12, 3)
    assert relative_formula("B7*C$3", 7, 3) == relative_formula("D7*E$3", 7, 5)


@pytest.mark.parametrize("other", ["$B7*C$4", "$B8*C$3", "$C7*C$3", "B7*C$3+0", '"$B7*C$3"', "Plants!$B7*C$3"])
def test_different_formulas_are_distinguished(other: str) -> None:
    assert relative_formula("$B7*C$3", 7, 3) != relative_formula(other, 7, 3)


def test_text_in_a_formula_keeps_its_spaces_and_case() -> None:
    assert relative_formula('"A1 b"', 1, 1) != relative_formula('"a1b"', 1, 1)
