/** Values over time, drawn by uPlot on a canvas of fixed height; a screen reader hears first, last, least and most. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { useTranslation } from "@/i18n/useTranslation";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";
import { duration } from "@/format/time";

export interface Line {
  readonly name: string;
  readonly values: ReadonlyArray<number | null>;
  readonly colour: "accent" | "quiet" | "busy" | "warn" | "bad";
  readonly stepped?: boolean;
  readonly filled?: boolean;
}

interface LinesProps {
  readonly label: string;
  /** Milliseconds since the epoch, rising. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly show: (value: number) => string;
  /** The times are counted from the beginning of something, not those of a clock. */
  readonly sinceStart?: boolean;
}

const HEIGHT_PX = 176;
const DAY_S = 86_400;

export function Lines({ label, at, lines, show, sinceStart = false }: LinesProps) {
  const { t } = useTranslation();
  const theme = useTheme();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const shown = useRef(show);
  shown.current = show;
  const data = [at.map((ms) => ms / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;
  const shape = JSON.stringify(lines.map(({ name, colour, stepped, filled }) => ({ name, colour, stepped, filled })));
  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    const box = place.current;
    if (!box) return;
    const made = new uPlot(options(JSON.parse(shape) as Line[], box, shown, sinceStart), latest.current, box);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT_PX }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [shape, theme, sinceStart]);
  useEffect(() => plot.current?.setData(data));
  const heard = lines.map((line) => `${line.name}: ${summary(line.values, show, t("chart.noValues"))}`).join("; ");
  return (
    <figure className="lines-chart">
      <div ref={place} role="img" aria-label={`${label}. ${heard}`} style={{ height: HEIGHT_PX }} />
      <ul className="legend" aria-hidden>
        {lines.map((line) => (
          <li key={line.name}>
            <span className="swatch" style={{ background: `var(--${line.colour})` }} />
            {line.name}
            <span className="num">{lastOf(line.values) === null ? "" : show(lastOf(line.values) ?? 0)}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function options(
  lines: readonly Line[],
  box: HTMLElement,
  show: { readonly current: (value: number) => string },
  sinceStart: boolean,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour("ink-3"),
    font: `11px ${style.getPropertyValue("--font")}`,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: box.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_, least, most) => [Math.min(0, least ?? 0), (most ?? 0) > 0 ? (most ?? 1) * 1.08 : 1] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 90,
        values: (_, splits, __, ___, stepS) =>
          splits.map((s) => (sinceStart ? duration(s) : clock(stepS)(new Date(s * 1000)))),
      },
      { ...axis, size: 64, space: 36, values: (_, splits) => splits.map((value) => show.current(value)) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        width: 1.75,
        points: { show: false, filter: alone },
        ...(line.filled ? { fill: `color-mix(in srgb, ${colour(line.colour)} 12%, transparent)` } : {}),
        ...(line.stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      })),
    ],
  };
}

const clocks = { days: uPlot.fmtDate("{MM}-{DD}"), seconds: uPlot.fmtDate("{HH}:{mm}:{ss}") };
const clock = (stepS: number) => (stepS >= DAY_S ? clocks.days : clocks.seconds);

/** A value without neighbours makes no line: it is drawn as a point. */
function alone(plot: uPlot, series: number): number[] | null {
  const values = plot.data[series] ?? [];
  const found = [...values.keys()].filter(
    (at) => values[at] != null && values[at - 1] == null && values[at + 1] == null,
  );
  return found.length > 0 ? found : null;
}

const lastOf = (values: ReadonlyArray<number | null>): number | null =>
  values.findLast((value) => value !== null) ?? null;

function summary(values: ReadonlyArray<number | null>, show: (value: number) => string, none: string): string {
  const known = values.filter((value) => value !== null);
  const last = known.at(-1);
  if (last === undefined) return none;
  return `${show(last)} (${show(Math.min(...known))} – ${show(Math.max(...known))})`;
}
