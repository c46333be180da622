"""What was measured, as a JSON that can be compared and a page that can be looked at; both hold the verdict."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, LegResult
from benchmarks.plots import curves, dots
from benchmarks.site import Outcome
from benchmarks.targets import Verdict

RESULTS = Path(__file__).with_name("results")
_KEPT_POINTS = 200  # of each curve; a full list of latencies would be megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of one scenario."""

    outcome: Outcome
    verdicts: Sequence[Verdict]
    seed: int
    commit: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    at: datetime  # aware UTC

    @property
    def is_met(self) -> bool:
        """Whether every target was reached."""
        return all(verdict.is_met for verdict in self.verdicts)


def write(report: Report, folder: Path = RESULTS) -> tuple[Path, Path]:
    """Keep the JSON and the page; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = (folder / f"{report.outcome.scenario}.{kind}" for kind in ("json", "html"))
    data.write_text(json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n")
    page.write_text(as_page(report))
    return data, page


def as_json(report: Report) -> dict[str, Any]:
    """Everything but the raw samples."""
    outcome = report.outcome
    return {
        "scenario": outcome.scenario,
        "question": outcome.question,
        "at": report.at.isoformat(timespec="seconds"),
        "commit": report.commit,
        "seed": report.seed,
        "machine": dict(report.machine),
        "versions": dict(report.versions),
        "conditions": dict(outcome.conditions),
        "figures": {name: _figure(figure) for name, figure in outcome.figures.items()},
        "verdict": [
            {"figure": v.target.figure, "what": v.target.what, "target": v.target.bound, "met": v.is_met}
            for v in report.verdicts
        ],
        "notes": list(outcome.notes),
        "legs": [asdict(leg) for leg in outcome.legs],
        "latency_ms": {name: thinned(values) for name, values in outcome.series.items()},
    }


def rows(report: Report) -> list[tuple[str, str, str, str]]:
    """What a person reads: figure, measured, target, verdict; figures without a target last."""
    judged = {verdict.target.figure: verdict for verdict in report.verdicts}
    told = [(v.target.what, shown(v.figure), v.target.bound, "met" if v.is_met else "MISSED") for v in report.verdicts]
    others = [(name, shown(figure), "", "") for name, figure in report.outcome.figures.items() if name not in judged]
    return [*told, *((name.replace("_", " "), *rest) for name, *rest in others)]  # type: ignore[list-item]


def shown(figure: Figure | None) -> str:
    """Such as "1.31 x (1.22 to 1.40)"."""
    if figure is None:
        return "not measured"
    spread = "" if figure.low is None or figure.high is None else f" ({figure.low:.4g} to {figure.high:.4g})"
    return f"{figure.value:.4g} {figure.unit}{spread}"


def thinned(values: Sequence[float], most: int = _KEPT_POINTS) -> list[float]:
    """Evenly chosen ones of sorted values, the first and the last among them."""
    if len(values) <= most:
        return [round(value, 2) for value in values]
    step = (len(values) - 1) / (most - 1)
    return [round(values[round(position * step)], 2) for position in range(most)]


def _figure(figure: Figure) -> dict[str, object]:
    return {name: value for name, value in asdict(figure).items() if value is not None}


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b2733 }}
 table {{ border-collapse: collapse; margin: 1rem 0 }} td, th {{ padding: .3rem .8rem; border-bottom: 1px solid #d8dee4;
 text-align: left; vertical-align: top }} .met {{ color: #11703c }} .MISSED {{ color: #b3261e; font-weight: 600 }}
 svg {{ width: 100%; height: auto }} small {{ color: #5b6875 }}
</style>
<h1>{title}</h1><p>{question}</p>
{verdict}
{plots}
<h2>Every leg</h2>{legs}
<h2>Conditions</h2>{conditions}
{notes}
<p><small>{origin}</small></p>
</html>
"""


def as_page(report: Report) -> str:
    """One HTML file with nothing outside of it."""
    outcome = report.outcome
    return _PAGE.format(
        title=escape(f"Parley benchmark: {outcome.scenario}"),
        question=escape(outcome.question),
        verdict=_table(("figure", "measured", "target", ""), rows(report)),
        plots=dots([leg for leg in outcome.legs if not leg.warm_up]) + curves(outcome.series),
        legs=_table(("target", "arrivals/s", "answered", "failed", "answered/s", "latency, ms"), _legs(outcome.legs)),
        conditions=_table(("", ""), [(name, str(value)) for name, value in outcome.conditions.items()]),
        notes="".join(f"<p>{escape(note)}</p>" for note in outcome.notes),
        origin=escape(
            f"{report.at:%Y-%m-%d %H:%M} UTC, commit {report.commit}, seed {report.seed}; "
            f"{_listed(report.machine)}; {_listed(report.versions)}"
        ),
    )


def _legs(legs: Sequence[LegResult]) -> list[tuple[str, ...]]:
    return [
        (
            f"{leg.target}{', warm-up' if leg.warm_up else ''}",
            "closed loop" if leg.arrivals is None else f"{leg.arrivals:g}",
            str(leg.requests),
            str(leg.failed),
            f"{leg.rate:g}",
            _listed(leg.latency_ms),
        )
        for leg in legs
    ]


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f'<td class="{escape(cell)}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in body
    )
    return f"<table><tr>{heads}</tr>{lines}</table>"
