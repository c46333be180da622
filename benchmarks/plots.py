"""Two plots as inline SVG: the rate of every leg, and how latencies are spread. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

from benchmarks.figures import LegResult

WIDTH, HEIGHT, MARGIN = 800, 260, 46
_COLOURS = ("#0b6e4f", "#b3541e", "#3b5b92", "#7a3e9d")


def dots(legs: Sequence[LegResult]) -> str:
    """The rate of each leg, in the order they were run; a colour a target."""
    if not legs:
        return ""
    top = max(leg.rate for leg in legs) * 1.1 or 1.0
    colours = _colours([leg.target for leg in legs])
    step = (WIDTH - 2 * MARGIN) / max(len(legs), 1)
    marks = [
        f'<circle cx="{MARGIN + (at + 0.5) * step:.1f}" cy="{_down(leg.rate / top):.1f}" r="5" '
        f'fill="{colours[leg.target]}"><title>{escape(leg.target)}: {leg.rate:g} a second</title></circle>'
        for at, leg in enumerate(legs)
    ]
    grid = [_line(_down(share / 4), f"{top * share / 4:.4g}") for share in range(5)]
    return _figure("Answered a second, leg by leg", [*grid, *marks], colours)


def curves(series: Mapping[str, Sequence[float]]) -> str:
    """The share of requests that were answered within so many milliseconds, on a logarithmic axis."""
    kept = {name: values for name, values in series.items() if values}
    if not kept:
        return ""
    low = max(min(values[0] for values in kept.values()), 0.1)
    high = max(max(values[-1] for values in kept.values()), low * 10)
    colours = _colours(list(kept))
    grid = [_line(_down(share / 4), f"{share * 25} %") for share in range(5)]
    grid += [_tick(10.0**power, low, high) for power in range(-1, 7) if low <= 10.0**power <= high]
    drawn = [_curve(values, low, high, colours[name]) for name, values in kept.items()]
    return _figure("Answered within so many milliseconds", [*grid, *drawn], colours)


def _curve(values: Sequence[float], low: float, high: float, colour: str) -> str:
    step = max(len(values) // 300, 1)
    points = [
        f"{_right(max(value, low), low, high):.1f},{_down((at + 1) / len(values)):.1f}"
        for at, value in enumerate(values)
        if at % step == 0 or at == len(values) - 1
    ]
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _colours(names: Sequence[str]) -> dict[str, str]:
    return {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(dict.fromkeys(names))}


def _down(share: float) -> float:
    return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)


def _right(value: float, low: float, high: float) -> float:
    return MARGIN + (log10(value) - log10(low)) / (log10(high) - log10(low)) * (WIDTH - 2 * MARGIN)


def _line(y: float, label: str) -> str:
    return (
        f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e8ec"/>'
        f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end" font-size="11">{escape(label)}</text>'
    )


def _tick(value: float, low: float, high: float) -> str:
    x = _right(value, low, high)
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{MARGIN}" y2="{HEIGHT - MARGIN}" stroke="#e3e8ec"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle" font-size="11">{value:g} ms</text>'
    )


def _figure(title: str, parts: Sequence[str], colours: Mapping[str, str]) -> str:
    legend = "".join(
        f'<text x="{MARGIN + at * 190}" y="{HEIGHT - 8}" font-size="12" fill="{colour}">● {escape(name)}</text>'
        for at, (name, colour) in enumerate(colours.items())
    )
    return f'<h2>{escape(title)}</h2><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}{legend}</svg>'
