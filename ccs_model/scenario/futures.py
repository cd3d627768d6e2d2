"""Futures: uncertain worlds that a plan is hedged against, each the scenario with some keys changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from ccs_model.scenario.fields import Line
from ccs_model.scenario.findings import Finding
from ccs_model.scenario.section import Section

_ROUNDING = 1e-6


class Future(Section):
    """One of the worlds that may come."""

    probability_share: float | None = Field(default=None, ge=0, le=1)
    """How likely it is, 0 to 1; all of them sum to 1. Null in every future means that all are alike likely."""
    changes: dict[Line, Any] = Field(default_factory=dict)
    """Keys of the scenario that are otherwise then, with dots: {policy.carbon_price_per_t.2030: 300}."""


class Risk(Section):
    """How much the worst futures weigh."""

    cvar_share: float = Field(default=0.9, ge=0, lt=1)
    """The tail is what is worse than this share of all futures, by probability: 0.9 looks at the worst tenth."""
    weight: float = Field(default=0.0, ge=0, le=1)
    """What the mean over the tail weighs against the mean over all futures, 0 to 1."""


Futures = Annotated[dict[Line, Future], Field(max_length=1000)]


def probabilities_of(futures: Mapping[str, Future]) -> tuple[float, ...]:
    """How likely each future is; alike where no future says."""
    given = [future.probability_share for future in futures.values()]
    known = [each for each in given if each is not None]
    return tuple(known) if len(known) == len(given) else (1.0 / len(given),) * len(given)


def findings_of_futures(
    futures: Mapping[str, Future], here_and_now: Sequence[int], starts: Sequence[int]
) -> Iterator[Finding]:
    """What only shows when futures and years are seen together."""
    given = [future.probability_share for future in futures.values()]
    known = [each for each in given if each is not None]
    if known and len(known) < len(given):
        some = next(name for name, future in futures.items() if future.probability_share is None)
        hint = "give one to every future, or to none"
        yield Finding(("futures", some), "has no probability_share, though others have", hint)
    elif known and abs(sum(known) - 1.0) > _ROUNDING:
        yield Finding(("futures",), f"the probabilities sum to {sum(known):g}", "expected 1")
    if len(futures) == 1:
        yield Finding(("futures",), "one future is no uncertainty", "give two or more, or none")
    for name, future in futures.items():
        for key in future.changes:
            if key.split(".")[0] in ("futures", "here_and_now", "risk", "like", "name", "years"):
                yield Finding(("futures", name, "changes", key), "is the same in every future", "leave it out")
    for place, year in enumerate(here_and_now):
        if year not in starts:
            hint = f"years: {', '.join(map(str, starts))}"
            yield Finding(("here_and_now", str(place)), f"no period starts in {year}", hint)
