"""A simulated service as a picture (SVG): what was asked for, what could be served, and how many instances it took."""

from __future__ import annotations

from html import escape

import numpy as np

from kyc.simulate.service import Report
from kyc.simulate.service_trace import Floats

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _MIDDLE, _BOTTOM = 64, 944, 56, 280, 384
_POINTS = 880
_LOAD, _CAPACITY, _INSTANCES, _INK = "#4c6ef5", "#2b8a3e", "#e8590c", "#343a40"


def chart_svg(report: Report) -> str:
    """Return the report as an SVG document; each point shows the highest load and the lowest capacity of its span."""
    load = report.arrivals.per_second
    capacity = report.outcome.ready_per_second * report.options.capacity_rps
    held = report.outcome.held_per_second.astype(np.float64)
    spans = _spans(len(load))
    highest = np.maximum.reduceat(load, spans)
    lowest = np.minimum.reduceat(capacity.astype(np.float64), spans)
    most = np.maximum.reduceat(held, spans)
    top_load = float(max(highest.max(), lowest.max(), 1.0))
    top_held = float(max(most.max(), 1.0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">',
        f"<title>{escape(_title(report))}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(_title(report))}</text>',
        _legend(),
        _axis(_TOP, _MIDDLE, top_load, "requests/s"),
        _axis(_MIDDLE + 24, _BOTTOM, top_held, "instances"),
        _area(highest, _TOP, _MIDDLE, top_load, _LOAD),
        _steps(lowest, _TOP, _MIDDLE, top_load, _CAPACITY),
        _steps(most, _MIDDLE + 24, _BOTTOM, top_held, _INSTANCES),
        _times(len(load)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(report: Report) -> str:
    figures = report.outcome.figures
    return (
        f"{report.outcome.policy}: {figures.over_share:.3%} of the requests over capacity, "
        f"{figures.instance_hours:.2f} instance-hours (all-knowing without loss: {report.oracle_hours:.2f})"
    )


def _spans(seconds: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.unique(np.linspace(0, seconds, min(_POINTS, seconds), endpoint=False).astype(np.intp))


def _points(values: Floats, top: int, bottom: int, most: float) -> list[tuple[float, float]]:
    xs = np.linspace(_LEFT, _RIGHT, len(values))
    ys = bottom - values / most * (bottom - top)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def _area(values: Floats, top: int, bottom: int, most: float, colour: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _points(values, top, bottom, most))
    return f'<polygon points="{_LEFT},{bottom} {points} {_RIGHT},{bottom}" fill="{colour}" fill-opacity="0.45"/>'


def _steps(values: Floats, top: int, bottom: int, most: float, colour: str) -> str:
    (x, y), *rest = _points(values, top, bottom, most)
    path = f"M{x:.1f} {y:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _axis(top: int, bottom: int, most: float, label: str) -> str:
    lines = [f'<path d="M{_LEFT} {top}V{bottom}H{_RIGHT}" fill="none" stroke="{_INK}" stroke-opacity="0.5"/>']
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * most:.4g}</text>')
    middle = (top + bottom) / 2
    lines.append(f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})" text-anchor="middle">{label}</text>')
    return "\n".join(lines)


def _times(seconds: int) -> str:
    unit, name = next((u, n) for u, n in ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "s")) if seconds >= u)
    texts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _LEFT + share * (_RIGHT - _LEFT)
        text = f"{share * seconds / unit:.3g}"
        texts.append(f'<text x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{text}</text>')
    texts.append(f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 33}" text-anchor="middle">{name}</text>')
    return "\n".join(texts)


def _legend() -> str:
    entries = (("load (peaks)", _LOAD), ("ready capacity (lows)", _CAPACITY), ("instances billed", _INSTANCES))
    parts = []
    for index, (text, colour) in enumerate(entries):
        x = _LEFT + index * 180
        parts.append(
            f'<rect x="{x}" y="34" width="12" height="8" fill="{colour}"/><text x="{x + 18}" y="42">{text}</text>'
        )
    return "\n".join(parts)
