"""Forms of names for comparison: Unicode forms, invisible characters, blanks, case and letters that look alike.

Names in tables and scenarios are compared in the form of `as_seen`, so that a difference that no reader sees decides
nothing. Unicode Technical Standard 39 describes the method; the table of letters here holds the Cyrillic and Greek
letters that have the shape of a Latin one.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterable

# Shapes of capital and small letters differ: Cyrillic В looks like B, but в does not look like b.
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУҮԌԚԜ" "аеѕіјорсхуүԁԛԝһ" "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "αικνορυχϲϳ" "ıɑɡ",
    "ABESIJKMHOPCTXYYGQW" "aesijopcxyydqwh" "ABEZHIKMNOPTYX" "aikvopuxcj" "iag",
)  # fmt: skip
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
# Characters without a shape that Unicode does not count as formats: joiners, fillers and variation selectors.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}


def cleaned(text: str) -> str:
    """The text in composed, half-width form, without invisible characters and with single blanks."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    plain = unicodedata.normalize("NFKC", "".join(sign for sign in text if not _is_invisible(sign)))
    return " ".join("".join(sign for sign in plain if not _is_invisible(sign)).split())


def without_accents(text: str) -> str:
    """The text with the letters under its accents: Almazán becomes Almazan."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


# Most letters of a short word, and the similarity that it needs.
_SHORT, _OF_SHORT_WORDS = 3, 0.75


def as_seen(text: str) -> str:
    """The text as a reader sees it: cleaned, with Latin letters for those that look alike, without case and blanks."""
    plain = cleaned(text)
    if not plain.isascii():
        plain = plain.translate(_DASHES).translate(_LOOK_ALIKE)
    return "".join(plain.casefold().split())


def has_lookalike(text: str) -> bool:
    """Whether the text mixes Latin letters with letters that only look like Latin ones."""
    return any("a" <= sign <= "z" for sign in text.casefold()) and text.translate(_LOOK_ALIKE) != text


def same_name(name: str, known: Iterable[str]) -> str | None:
    """The one known name that looks the same; None if there is none, or more than one."""
    seen = as_seen(name)
    found = {each for each in known if as_seen(each) == seen}
    return found.pop() if len(found) == 1 else None


def most_similar(name: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """The known name most similar to the given one, or ""."""
    seen = {as_seen(each): each for each in known}
    # Two common letters do not make a word of three a misspelling of another.
    cutoff = max(cutoff, _OF_SHORT_WORDS) if len(name) <= _SHORT else cutoff
    near = difflib.get_close_matches(as_seen(name[:80]), seen, 1, cutoff)
    return seen[near[0]] if near else ""


def odd_letters(text: str) -> str:
    """What a reader does not see of a text, in words: `a Cyrillic letter а (U+0430)`; "" if there is nothing."""
    for sign in text:
        if _is_invisible(sign):
            return f"an invisible character (U+{ord(sign):04X})"
    if has_lookalike(text):
        sign = next(each for each in text if each.translate(_LOOK_ALIKE) != each)
        script = unicodedata.name(sign, "UNKNOWN").split()[0].capitalize()
        return f"the {script} letter {sign} (U+{ord(sign):04X})"
    if unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text):
        return "characters of another width"
    return ""


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf" or sign in _SHAPELESS
