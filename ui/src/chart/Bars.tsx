/** Two bars a day: what was spent, and in front of it what would have been. Drawn as SVG; read as a table. */
import { useTranslation } from "@/i18n/useTranslation";

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly beside: number;
}

interface BarsProps {
  readonly label: string;
  readonly rows: readonly Bar[];
  readonly series: readonly [string, string];
  readonly show: (value: number) => string;
  readonly empty: string;
}

export function Bars({ label, rows, series, show, empty }: BarsProps) {
  const { t } = useTranslation();
  const most = Math.max(...rows.map((row) => Math.max(row.value, row.beside)), 0);
  if (most === 0) return <p className="hint chart-empty">{empty}</p>;
  const places = rows.length;
  const height = (value: number) => `${Math.max((value / most) * 100, value > 0 ? 0.75 : 0)}%`;
  return (
    <figure className="bars">
      <div className="bars-plot" aria-hidden>
        {[1, 0.5].map((line) => (
          <div key={line} className="bars-line" style={{ bottom: `${line * 100}%` }}>
            <span className="num">{show(most * line)}</span>
          </div>
        ))}
        <div className="bars-row" style={{ gridTemplateColumns: `repeat(${places}, 1fr)` }}>
          {rows.map((row) => (
            <div
              key={row.name}
              className="bars-pair"
              title={`${row.name}\n${series[0]} ${show(row.value)}\n${series[1]} ${show(row.beside)}`}
            >
              <div className="bars-beside" style={{ height: height(row.beside) }} />
              <div className="bars-value" style={{ height: height(row.value) }} />
            </div>
          ))}
        </div>
      </div>
      <div className="bars-names num" aria-hidden style={{ gridTemplateColumns: `repeat(${places}, 1fr)` }}>
        {rows.map((row, place) => (
          <span key={row.name}>{rows.length < 12 || place % 5 === 0 ? row.name.slice(5) : ""}</span>
        ))}
      </div>
      <ul className="legend">
        <li>
          <span className="swatch swatch-value" aria-hidden /> {series[0]}
        </li>
        <li>
          <span className="swatch swatch-beside" aria-hidden /> {series[1]}
        </li>
      </ul>
      <table className="unseen">
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">{t("chart.day")}</th>
            <th scope="col">{series[0]}</th>
            <th scope="col">{series[1]}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              <td>{show(row.value)}</td>
              <td>{show(row.beside)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
