"""The warnings of a run on the page: alike ones as one sentence, and all but the first folded."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup

from ccs_model.report.page.html import PageLanguage, render

_N_VISIBLE = 2
# A shipped mean that holds for one product.
_ADVICE = "; add a row of the country to a table of your own"
_MEAN = re.compile(
    rf"(\S+): (the mean of China|a value that is not of this country \((.+)\)) holds for (\S+) in (.+){_ADVICE}"
)


def warning_list(warnings: Sequence[str], words: PageLanguage) -> Markup:
    """Return the warnings with their number, the first two visible; empty without any."""
    if not warnings:
        return Markup("")
    texts = [words.sentence(each) for each in group_warnings(warnings)]
    heading = words("warnings").format(len(texts))
    return render("warnings", words=words, heading=heading, first=texts[:_N_VISIBLE], others=texts[_N_VISIBLE:])


def group_warnings(warnings: Sequence[str]) -> list[str]:
    """Return warnings of which those with equal sentences, or about the means of products, are one.

    Parameters
    ----------
    warnings : sequence of str
        Warnings, each with the place that it is about in front or without one.
    """
    # Places and sentences, by what they have in common.
    places: dict[str, list[str]] = {}
    means: dict[tuple[str, bool], list[re.Match[str]]] = {}
    order: dict[str | tuple[str, bool], None] = {}
    for warning in warnings:
        if found := _MEAN.fullmatch(warning):
            key = (found[1], found[3] is None)
            means.setdefault(key, []).append(found)
            order[key] = None
            continue
        place, separator, text = warning.partition(": ")
        is_placed = bool(separator) and " " not in place
        sentence = text if is_placed else warning
        places.setdefault(sentence, [])
        if is_placed and place not in places[sentence]:
            places[sentence].append(place)
        order[sentence] = None
    return [
        _of_means(means[each])
        if isinstance(each, tuple)
        else f"{', '.join(places[each])}: {each}"
        if places[each]
        else each
        for each in order
    ]


def _of_means(found: Sequence[re.Match[str]]) -> str:
    """One sentence about the means that hold for several products."""
    if len(found) == 1:
        return found[0][0]
    products = ", ".join(f"{each[4]} ({each[5]})" for each in found)
    cited = ", ".join(dict.fromkeys(each[3] for each in found if each[3]))
    what = f"values that are not of this country ({cited}) hold" if cited else "the means of China hold"
    return f"{found[0][1]}: {what} for {products}; add rows of the country to a table of your own"
