"""What to say about a key this version does not know: a misplaced one, or a slip of the pen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# A file of nothing but unknown keys is no scenario with slips of the pen; looking for near words takes time.
MOST_HINTS = 500


def unknown_key(path: tuple[str, ...], known: tuple[str, ...], n_before: int = 0) -> tuple[str, str]:
    """What is wrong with the key at `path`, and the nearest right one; `known` holds dotted keys.

    After MOST_HINTS unknown keys (`n_before` of them came before) nothing near is looked for.
    """
    if n_before >= MOST_HINTS:
        return "unknown key", ""
    level = path[:-1]
    homes = {_leaf(each): each for each in sorted(known, reverse=True)}  # the first one wins
    siblings = [_leaf(each) for each in known if _stands_at(tuple(each.split(".")[:-1]), level)]
    name = path[-1]
    near = _nearest(name, siblings)
    if name in homes:
        home = homes[name].rpartition(".")[0]
        return "unknown key", f"'{name}' belongs {f'under {home!r}' if home else 'at the top level'}"
    if near:
        return "unknown key", f"did you mean '{near}'?"
    far = _nearest(name, homes)
    return "unknown key", f"did you mean '{homes[far]}'?" if far else f"known here: {', '.join(sorted(siblings))}"


def _stands_at(pattern: tuple[str, ...], level: tuple[str, ...]) -> bool:
    """Whether a known key's level is this one; `*` stands for a name that the planner chose."""
    return len(pattern) == len(level) and all(a in ("*", b) for a, b in zip(pattern, level, strict=True))


def nearest_word(given: object, allowed: Iterable[str]) -> str:
    """A hint that names the allowed word nearest to the one given, or nothing."""
    near = _nearest(given, allowed) if isinstance(given, str) else ""
    return f"did you mean '{near}'?" if near else ""


def _nearest(word: str, words: Iterable[str]) -> str:
    spelt = {_spelling(each): each for each in words}
    near = difflib.get_close_matches(_spelling(word[:80]), spelt, 1)
    return spelt[near[0]] if near else ""


def _spelling(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def _leaf(key: str) -> str:
    return key.rpartition(".")[2]
