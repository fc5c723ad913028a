"""Draws a replayed run as a small SVG: where spot was to be had, what ran, and the work done against the deadline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar
from xml.sax.saxutils import escape

from kyc.planning.deadline import Choice, JobTerms

if TYPE_CHECKING:
    from kyc.planning.zones import ZonesTerms
    from kyc.simulate.job import Run
    from kyc.simulate.recording import Recording
    from kyc.simulate.zones import Fleet

WIDTH, LEFT, RIGHT = 960, 96, 24
COLOURS = {Choice.SPOT: "#2a9d6f", Choice.ON_DEMAND: "#d1495b", Choice.WAIT: "#d8dbe2"}
RAN_SPOT: dict[Choice | None, str] = {Choice.SPOT: COLOURS[Choice.SPOT]}
RAN_ELSE: dict[Choice | None, str] = {kind: COLOURS[kind] for kind in (Choice.ON_DEMAND, Choice.WAIT)}
NAMES = {Choice.SPOT: "spot", Choice.ON_DEMAND: "on demand", Choice.WAIT: "waiting"}
T = TypeVar("T")
INK, FAINT, THERE = "#1f2430", "#8a90a0", "#9fd8c0"
PLOT_TOP, PLOT_HEIGHT = 104, 180


def draw_run(terms: JobTerms, recording: Recording, run: Run) -> str:
    """Return an SVG document of one run; its time axis ends at the deadline, or at the job's end if that is later."""
    end_s = max(terms.deadline_s, len(run.choices) * terms.tick_s, terms.tick_s)
    scale = (WIDTH - LEFT - RIGHT) / end_s
    title = f"{recording.zone}: {run.cost_usd:.2f} USD, {run.interruptions} interruptions"
    title += ", late" if run.is_late(terms.deadline_s) else ", on time"
    parts = [
        _text(LEFT, 22, title, size=15),
        *_strip(40, "spot there", [bool(there) for there in recording.available], {True: THERE}, scale * terms.tick_s),
        *_strip(64, "what ran", run.choices, COLOURS, scale * terms.tick_s),
        *_progress(terms, run, scale),
        *_hours(end_s, scale),
        *_legend(),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 340" role="img" font-family="sans-serif">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"]) + "\n"


def draw_fleet(terms: ZonesTerms, fleet: Fleet, run: Run) -> str:
    """Return an SVG document of one run with several zones: a row for each, and one for on demand."""
    end_s = max(terms.deadline_s, len(run.choices) * terms.tick_s, terms.tick_s)
    scale, ticks = (WIDTH - LEFT - RIGHT) / end_s, int(end_s / terms.tick_s)
    width, bottom = scale * terms.tick_s, 40 + 24 * (len(fleet.zones) + 2)
    title = f"{run.cost_usd:.2f} USD, {run.interruptions} interruptions"
    title += ", late" if run.is_late(terms.deadline_s) else ", on time"
    parts = [_text(LEFT, 22, title, size=15)]
    for place, zone in enumerate(fleet.zones):
        there = [bool(one) for one in fleet.available[place][:ticks]]
        parts += _strip(40 + 24 * place, zone.removesuffix("_v100_1"), there, {True: THERE}, width)
        ran = [choice if where == zone else None for choice, where in zip(run.choices, run.places, strict=True)]
        parts += _strip(40 + 24 * place, "", ran, RAN_SPOT, width)
    others = [choice if choice is not Choice.SPOT else None for choice in run.choices]
    parts += _strip(40 + 24 * len(fleet.zones), "elsewhere", others, RAN_ELSE, width)
    deadline = LEFT + terms.deadline_s * scale
    parts.append(f'<path d="M{deadline:.1f} 34V{bottom - 24}" stroke="{COLOURS[Choice.ON_DEMAND]}"/>')
    parts += [*_hours(end_s, scale, at=bottom), *_legend(at=bottom + 14)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 36}" role="img" '
    return "\n".join([f'{head}font-family="sans-serif">', f"<title>{escape(title)}</title>", *parts, "</svg>"]) + "\n"


def _strip(top: int, name: str, values: Sequence[T], colours: dict[T, str], width: float) -> Iterator[str]:
    """Yield a coloured band: one rectangle for each stretch of equal values that has a colour."""
    yield _text(LEFT - 8, top + 12, name, anchor="end")
    at = 0
    for value, stretch in groupby(values):
        length = sum(1 for _ in stretch)
        if value in colours:
            x, wide = LEFT + at * width, length * width
            yield f'<rect x="{x:.1f}" y="{top}" width="{wide:.2f}" height="16" fill="{colours[value]}"/>'
        at += length


def _progress(terms: JobTerms, run: Run, scale: float) -> Iterator[str]:
    bottom = PLOT_TOP + PLOT_HEIGHT
    done, pending, last, points = 0.0, 0.0, Choice.WAIT, [(0.0, 0.0)]
    for tick, choice in enumerate(run.choices, start=1):
        if choice is not Choice.WAIT:
            pending = terms.restart_overhead_s if choice is not last else pending
            done = min(terms.work_s, done + max(0.0, terms.tick_s - pending))
            pending = max(0.0, pending - terms.tick_s)
        last = choice
        points.append((tick * terms.tick_s, done))
    height = PLOT_HEIGHT / max(terms.work_s, 1.0)
    line = " ".join(f"{LEFT + at * scale:.1f},{bottom - work * height:.1f}" for at, work in points)
    deadline = LEFT + terms.deadline_s * scale
    yield f'<path d="M{LEFT} {PLOT_TOP}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="{FAINT}"/>'
    yield f'<path d="M{LEFT} {bottom}L{deadline:.1f} {PLOT_TOP}" stroke="{FAINT}" stroke-dasharray="2 4"/>'
    yield f'<path d="M{deadline:.1f} {PLOT_TOP}V{bottom}" stroke="{COLOURS[Choice.ON_DEMAND]}" stroke-dasharray="6 4"/>'
    yield f'<polyline points="{line}" fill="none" stroke="{INK}" stroke-width="2"/>'
    yield _text(LEFT - 8, PLOT_TOP + 10, f"{terms.work_s / 3600:.0f} h work", anchor="end")


def _hours(end_s: float, scale: float, *, at: float = PLOT_TOP + PLOT_HEIGHT + 18) -> Iterator[str]:
    hours = end_s / 3600
    step = next((step for step in (1, 2, 6, 12, 24, 48, 168) if hours / step <= 14), 720)
    for hour in range(0, int(hours) + 1, step):
        yield _text(LEFT + hour * 3600 * scale, at, f"{hour} h", anchor="middle")


def _legend(*, at: float = 318) -> Iterator[str]:
    for place, (choice, colour) in enumerate(COLOURS.items()):
        x = LEFT + place * 110
        yield f'<rect x="{x}" y="{at}" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, at + 10, NAMES[choice])


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{INK}" text-anchor="{anchor}">{escape(text)}</text>'
