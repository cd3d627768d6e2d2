"""What a plan must reach: cuts by year, tonnes over the horizon, and shares that must come from somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ccs_model.scenario.fields import Line, ShareByName, ShareByYear
from ccs_model.scenario.findings import Finding
from ccs_model.scenario.section import Section

# Keys of targets that ask for tonnes; the others only say how or at what price.
CUT_KEYS = ("cut_share", "cumulative_avoided_kt", "captured_ktpa", "by_province", "by_sector")


class Cut(Section):
    """A cut that must be reached, of all plants looked at or of some."""

    cut_share: ShareByYear = Field(default_factory=dict)
    """Avoided CO₂ as a share of the baseline, in the period that starts in a year: {2040: 0.05}. Holds in that year."""
    cumulative_avoided_kt: float | None = Field(default=None, ge=0)
    """Avoided CO₂ over the whole horizon, in thousand tonnes."""


def _sorted(cuts: dict[str, Cut]) -> dict[str, Cut]:
    return dict(sorted(cuts.items()))


class Targets(Cut):
    """What must be reached."""

    by_province: Annotated[dict[Line, Cut], AfterValidator(_sorted)] = Field(default_factory=dict)
    """Cuts of single provinces, by name, each as cut_share: {2040: 0.03}."""
    by_sector: Annotated[dict[Literal["steel", "chemicals"], Cut], AfterValidator(_sorted)] = Field(
        default_factory=dict
    )
    """Cuts of single sectors: {steel: {cut_share: {2040: 0.02}}}."""
    captured_ktpa: float | None = Field(default=None, ge=0)
    """Captured CO₂ that must be reached in the last period, or in the static year, in thousand tonnes a year."""
    share_of_avoided_min: ShareByName = Field(default_factory=dict)
    """At least this share of all CO₂ avoided over the horizon comes from a province or a sector: {steel: 0.3}."""
    shortfall_per_t: float | None = Field(default=None, ge=0)
    """Price of a tonne that a target is missed by; null means that targets must be reached."""

    def cuts(self) -> Iterator[tuple[str, str, Cut]]:
        """Every cut with the dotted key it stands under and the province or sector it is for ("" for all)."""
        yield "targets", "", self
        yield from ((f"targets.by_province.{name}", name, cut) for name, cut in self.by_province.items())
        yield from ((f"targets.by_sector.{name}", name, cut) for name, cut in self.by_sector.items())


def stray_years(targets: Targets, years: Sequence[int]) -> list[Finding]:
    """Years of cuts in which no period starts."""
    starts = ", ".join(map(str, years))
    groups: Mapping[tuple[str, ...], Cut] = {
        (): targets,
        **{("by_province", name): cut for name, cut in targets.by_province.items()},
        **{("by_sector", name): cut for name, cut in targets.by_sector.items()},
    }
    return [
        Finding((*path, "cut_share", str(year)), f"no period starts in {year}", f"years: {starts}", on_key=True)
        for path, cut in groups.items()
        for year in cut.cut_share
        if years and year not in years
    ]
