"""Formulas relative to their own cell: changes that programs make on saving are ignored."""

from __future__ import annotations

import pytest

from ccs_model.report.workbook.solver_fingerprints import seen_from


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
    assert seen_from(written, 5, 3) == seen_from(saved, 5, 3)


def test_a_filled_formula_is_the_same_in_every_row() -> None:
    assert seen_from("$B7*C$3+SUM(D7:D9)", 7, 3) == seen_from("$B12*C$3+SUM(D12:D14)", 12, 3)
    assert seen_from("B7*C$3", 7, 3) == seen_from("D7*E$3", 7, 5)


@pytest.mark.parametrize("other", ["$B7*C$4", "$B8*C$3", "$C7*C$3", "B7*C$3+0", '"$B7*C$3"', "Plants!$B7*C$3"])
def test_different_formulas_are_distinguished(other: str) -> None:
    assert seen_from("$B7*C$3", 7, 3) != seen_from(other, 7, 3)


def test_text_in_a_formula_keeps_its_spaces_and_case() -> None:
    assert seen_from('"A1 b"', 1, 1) != seen_from('"a1b"', 1, 1)
