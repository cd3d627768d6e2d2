"""What the search found, and the search's seeds: nothing raises, nothing takes long, what is read can be read again."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import readers

HEAD = "name: T\nplants: {}\nbudget: {total_mn: 1}\n"


def words(n: int, length: int) -> list[str]:
    drawn = random.Random(1)
    return ["".join(drawn.choices("abcdefghijklmnopt_", k=length)) for _ in range(n)]


def funds(n: int) -> str:
    return (
        HEAD
        + "funds:\n"
        + "".join(f"  {each}: {{share_max: 0.1, interest_rate: 0.03, term_yr: 5}}\n" for each in words(n, 9))
    )


@pytest.mark.parametrize("kind", sorted(readers.READERS))
def test_the_seeds_are_read(kind: str) -> None:
    for raw in readers.seeds(kind):
        readers.READERS[kind](raw)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("yaml", HEAD + "".join(f"{each}: 1\n" for each in words(5_000, 20))),
        ("yaml", HEAD + "funds: {" + ", ".join(f"{each}: {{term: 1}}" for each in words(2_000, 9)) + "}\n"),
        ("yaml", funds(2_000)),
        ("yaml", HEAD + "years: [" + ", ".join(map(str, range(2000, 12_000))) + "]\n"),
        ("yaml", HEAD.replace("{}", "{inventory: [" + ", ".join(words(10_000, 20)) + "]}")),
        ("csv", ",".join(words(500, 20)) + "\n"),
        ("csv", ",".join(words(490, 100)) + "\n"),
        ("csv", "plant,name,province," + "plant" * 20_000 + "\n"),
        ("csv", "plant,na\0me\n1,2\n"),
    ],
    ids=[
        "5000 keys",
        "2000 funds of unknown keys",
        "2000 funds",
        "years",
        "inventory",
        "headings",
        "long",
        "one",
        "NUL",
    ],
)
def test_large_and_strange_files_are_answered_at_once(kind: str, text: str) -> None:
    # What grows with the square of its input takes minutes; a full heap, which this suite has, only some times as long.
    started = time.process_time()
    readers.READERS[kind](text.encode())
    assert time.process_time() - started < 10 * readers.SLOWEST_S


def test_a_scenario_of_as_many_funds_as_may_be_is_read_again_when_written_out() -> None:
    readers.read_yaml(funds(200).encode())


def test_only_the_first_unknown_keys_get_a_hint(tmp_path: Path) -> None:
    from ccs_model.errors import InputError
    from ccs_model.scenario import read_scenario

    path = tmp_path / "s.yaml"
    path.write_text(HEAD + "".join(f"nme{n}: 1\n" for n in range(600)), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    hints = [issue.hint for issue in caught.value.issues]
    assert len(hints) == 600 and all(hints[:500]) and not any(hints[500:])
    path.write_text(funds(201), encoding="utf-8")
    with pytest.raises(InputError, match="funds: expected at most 200 items, got 201"):
        read_scenario(path)
