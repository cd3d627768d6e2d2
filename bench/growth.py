"""`python -m bench.growth FILE.svg`: time of the linear program against plants and periods, measured and drawn."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.large import growth

_WIDTH, _HEIGHT, _MARGIN = 420, 260, 50


def drawn(measured: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Both curves side by side on logarithmic axes, each point with its seconds."""
    panels = [_panel(name, points, k * _WIDTH) for k, (name, points) in enumerate(measured.items())]
    size = f'width="{_WIDTH * len(panels)}" height="{_HEIGHT}"'
    style = 'font-family="sans-serif" font-size="11" fill="none"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(panels) + "\n</svg>\n"


def _panel(name: str, points: Sequence[tuple[int, float]], left: float) -> str:
    xs, ys = [math.log10(n) for n, _ in points], [math.log10(max(s, 1e-3)) for _, s in points]
    wide, high = max(max(xs) - min(xs), 1e-9), max(max(ys) - min(ys), 1e-9)
    at = [
        (
            left + _MARGIN + (x - min(xs)) / wide * (_WIDTH - 2 * _MARGIN),
            _HEIGHT - _MARGIN - (y - min(ys)) / high * (_HEIGHT - 2 * _MARGIN),
        )
        for x, y in zip(xs, ys, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    shown = [f'<polyline points="{line}" stroke="#1B6637" stroke-width="2"/>']
    for (x, y), (n, seconds) in zip(at, points, strict=True):
        shown.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1B6637"/>')
        shown.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" fill="#222">{seconds:.2g} s</text>')
        shown.append(f'<text x="{x:.1f}" y="{_HEIGHT - 28}" text-anchor="middle" fill="#222">{n:,}</text>')
    title = f"CPU seconds to the proven linear optimum, against {name}"
    shown.append(f'<text x="{left + _WIDTH / 2:.1f}" y="18" text-anchor="middle" fill="#222">{title}</text>')
    shown.append(f'<text x="{left + _WIDTH / 2:.1f}" y="{_HEIGHT - 10}" text-anchor="middle" fill="#222">{name}</text>')
    return "\n".join(shown)


def main() -> None:
    """Measure, draw, and print the table."""
    measured = growth()
    Path(sys.argv[1]).write_text(drawn(measured), encoding="utf-8")
    for name, points in measured.items():
        sys.stdout.write(f"{name}: " + ", ".join(f"{n:,} {seconds:.2f} s" for n, seconds in points) + "\n")


if __name__ == "__main__":
    main()
