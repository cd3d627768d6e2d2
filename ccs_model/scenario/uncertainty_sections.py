"""Sections of a scenario on uncertainty: futures with their probabilities, and distributions of inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ccs_model.scenario.fields import Line, Section, Words
from ccs_model.scenario.validation import Finding, raise_findings

_ROUNDING = 1e-6


class Future(Section):
    """A future: an uncertainty scenario with some keys changed."""

    probability_share: float | None = Field(default=None, ge=0, le=1)
    """Probability, 0 to 1; all probabilities sum to 1. Null in every future means equal probabilities."""
    changes: dict[Line, Any] = Field(default_factory=dict)
    """Changed keys of the scenario, with dots: {policy.carbon_price_per_t.2030: 300}."""


class Risk(Section):
    """Weight of the worst futures."""

    cvar_share: float = Field(default=0.9, ge=0, lt=1)
    """Confidence level of the conditional value at risk (CVaR): 0.9 averages the worst tenth of all futures."""
    weight: float = Field(default=0.0, ge=0, le=1)
    """Weight of the CVaR against the mean over all futures, 0 to 1."""


Futures = Annotated[dict[Line, Future], Field(max_length=1000)]


def probabilities_of(futures: Mapping[str, Future]) -> tuple[float, ...]:
    """Probability of each future; equal if none is given."""
    given = [future.probability_share for future in futures.values()]
    known = [each for each in given if each is not None]
    return tuple(known) if len(known) == len(given) else (1.0 / len(given),) * len(given)


# Keys that hold for all futures; amounts in different money are not comparable.
_SAME_IN_FUTURES = (
    "futures", "here_and_now", "risk", "extends", "name", "description", "years", "currency", "price_year", "solver",
    "uncertainty",
)  # fmt: skip


def findings_of_futures(
    futures: Mapping[str, Future], here_and_now: Sequence[int], starts: Sequence[int]
) -> Iterator[Finding]:
    """Errors that involve several of futures, here_and_now and years."""
    given = [future.probability_share for future in futures.values()]
    known = [each for each in given if each is not None]
    if known and len(known) < len(given):
        some = next(name for name, future in futures.items() if future.probability_share is None)
        hint = "give it for every future or for none"
        yield Finding(("futures", some), "probability_share is missing, but other futures have one", hint)
    elif known and abs(sum(known) - 1.0) > _ROUNDING:
        yield Finding(("futures",), f"the probabilities sum to {sum(known):g}", "expected 1")
    if len(futures) == 1:
        yield Finding(("futures",), "expected at least two futures, got one", "add a future, or remove the key")
    for name, future in futures.items():
        for key in future.changes:
            if key.split(".")[0] in _SAME_IN_FUTURES or key == "capture.decisions":
                yield Finding(("futures", name, "changes", key), "cannot differ between futures", "remove the key")
    hint = f"years: {', '.join(map(str, starts))}"
    for place, year in enumerate(here_and_now):
        if year in here_and_now[:place]:
            yield Finding(("here_and_now", place), f"{year} is listed twice", "remove one of them")
        elif year not in starts:
            yield Finding(("here_and_now", place), f"no period starts in {year}", hint)
    last = max(here_and_now) if futures and here_and_now else -1
    if before := [year for year in starts if year < last and year not in here_and_now]:
        what = f"{last} is decided before the future is known, but {before[0]}, which is earlier, is not"
        yield Finding(("here_and_now",), what, f"expected the first periods, without a gap; {hint}")


class Spread(Section):
    """Distribution of an input: factors on the planned value, except for `delivered_share`, which is a value."""

    distribution: Literal["triangular", "uniform", "lognormal", "truncated_normal"] = "triangular"
    """Shape; `low` and `high` are the 5 % and 95 % quantiles of a lognormal, and about ±2 standard deviations of a
    truncated normal."""
    low: float = Field(ge=-1.0, le=100.0)
    """Lower end, as a factor."""
    mode: float = Field(default=1.0, ge=-1.0, le=100.0)
    """Most likely factor; the median of a lognormal; ignored for a uniform distribution."""
    high: float = Field(ge=-1.0, le=100.0)
    """Upper end, as a factor."""


class Uncertainty(Section):
    """Distributions of uncertain inputs, for `ccs-model montecarlo`.

    Inputs, distributions and correlations are shipped in data/uncertainty; these keys override them.
    """

    exclude: Words = ()
    """Inputs that keep their planned value."""
    spreads: dict[Line, Spread] = Field(default_factory=dict)
    """Distributions that override the shipped ones, by input."""

    @model_validator(mode="after")
    def _reject_impossible_spreads(self) -> Uncertainty:
        raise_findings(
            Finding(("spreads", name), what, hint)
            for name, spread in self.spreads.items()
            for what, hint in impossible_spreads(name, spread.distribution, spread.low, spread.mode, spread.high)
        )
        if both := [name for name in self.spreads if name in self.exclude]:
            what, hint = "the input is excluded as well", "remove one of them"
            raise_findings(Finding(("spreads", name), what, hint, other=("exclude",)) for name in both)
        return self


_SHARES = ("delivered_share", "utilisation")
_POSITION = "storage_capacity"


def impossible_spreads(name: str, distribution: str, low: float, mode: float, high: float) -> Iterator[tuple[str, str]]:
    """Yield what is impossible in the distribution of an uncertain input, with a hint."""
    if low > high:
        yield f"low {low:g} is above high {high:g}", ""
    elif distribution != "uniform" and not low <= mode <= high:
        yield f"mode {mode:g} is not between low {low:g} and high {high:g}", ""
    if name == _POSITION:
        if low < -1.0 or high > 1.0:
            yield (
                f"{low:g} to {high:g} is outside -1 to 1",
                "-1 is the low, 0 the mid and 1 the high capacity of a site",
            )
        if distribution == "lognormal":
            yield "a position between the estimates of a capacity has no lognormal distribution", "use triangular"
    elif distribution == "lognormal" and low <= 0:
        yield f"low {low:g}, expected more than 0 for a lognormal distribution", ""
    elif low < 0 or (low == 0 and name in _SHARES):
        yield f"low {low:g}, expected {'more than 0' if name in _SHARES else '0 or more'}", "it is a factor"
    if name == _SHARES[0] and high > 1.0:
        what = f"high {high:g} is above 1: no unit delivers more than its design capacity"
        yield what, "it is the share of the design capacity that is captured"
