"""Seeds and findings of the fuzz search: no reader raises or takes long, and resolved text reads back."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.unit.fuzz import readers

HEAD = "name: T\nplants: {}\nbudget: {total_mn: 1}\n"


def random_names(n: int, length: int) -> list[str]:
    drawn = random.Random(1)
    return ["".join(drawn.choices("abcdefghijklmnopt_", k=length)) for _ in range(n)]


def scenario_with_funds(n: int) -> str:
    return (
        HEAD
        + "funds:\n"
        + "".join(f"  {each}: {{share_max: 0.1, interest_rate: 0.03, term_yr: 5}}\n" for each in random_names(n, 9))
    )


@pytest.mark.parametrize("kind", sorted(readers.READERS))
def test_seeds_are_read_without_an_exception(kind: str) -> None:
    for raw in readers.seeds(kind):
        readers.READERS[kind](raw)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("yaml", HEAD + "".join(f"{each}: 1\n" for each in random_names(5_000, 20))),
        ("yaml", HEAD + "funds: {" + ", ".join(f"{each}: {{term: 1}}" for each in random_names(2_000, 9)) + "}\n"),
        ("yaml", scenario_with_funds(2_000)),
        ("yaml", HEAD + "years: [" + ", ".join(map(str, range(2000, 12_000))) + "]\n"),
        ("yaml", HEAD.replace("{}", "{inventory: [" + ", ".join(random_names(10_000, 20)) + "]}")),
        ("csv", ",".join(random_names(500, 20)) + "\n"),
        ("csv", ",".join(random_names(490, 100)) + "\n"),
        ("csv", "plant,name,province," + "plant" * 20_000 + "\n"),
        ("csv", "plant,na\0me\n1,2\n"),
    ],
    ids=[
        "5000 keys",
        "2000 funds of unknown keys",
        "2000 funds",
        "10000 years",
        "10000 inventories",
        "500 headings",
        "490 long headings",
        "one very long heading",
        "NUL",
    ],
)
def test_large_and_malformed_files_are_read_or_rejected_quickly(kind: str, text: str) -> None:
    # Quadratic growth would take minutes; the full heap of this suite makes reading only a few times slower.
    started = time.process_time()
    readers.READERS[kind](text.encode())
    assert time.process_time() - started < 10 * readers.SLOWEST_S


def test_scenario_with_the_largest_number_of_funds_reads_back_from_its_resolved_text() -> None:
    readers.read_yaml(scenario_with_funds(200).encode())


def test_only_the_first_500_unknown_keys_get_a_hint_and_funds_are_limited_to_200(tmp_path: Path) -> None:
    from ccs_model.errors import InputError
    from ccs_model.scenario import read_scenario

    path = tmp_path / "s.yaml"
    path.write_text(HEAD + "".join(f"nme{n}: 1\n" for n in range(600)), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    hints = [issue.hint for issue in caught.value.issues]
    assert len(hints) == 600 and all(hints[:500]) and not any(hints[500:])
    path.write_text(scenario_with_funds(201), encoding="utf-8")
    with pytest.raises(InputError, match="funds: expected at most 200 items, got 201"):
        read_scenario(path)
