/** The few shapes that pages are made of. */
import { type ReactNode, useId } from "react";
import { useTitle } from "@/parts/useTitle";

interface PageProps {
  readonly title: ReactNode;
  /** What the browser's tab says, where the title is more than a text. */
  readonly name?: string;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, name, note, actions, children }: PageProps) {
  useTitle(name ?? (typeof title === "string" ? title : ""));
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          {note ? <div className="page-note">{note}</div> : null}
        </div>
        {actions ? <div className="row wrap">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}

interface CardProps {
  readonly title?: ReactNode;
  readonly aside?: ReactNode;
  readonly flush?: boolean;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Card({ title, aside, flush, className, children }: CardProps) {
  const name = useId();
  return (
    <section className={`card ${className ?? ""}`} aria-labelledby={title ? name : undefined}>
      {title ? (
        <header className="card-head">
          <h2 id={name}>{title}</h2>
          {aside ? <div className="card-aside">{aside}</div> : null}
        </header>
      ) : null}
      <div className={flush ? "card-flush" : "card-body"}>{children}</div>
    </section>
  );
}

export function Stat({
  label,
  value,
  note,
}: {
  readonly label: ReactNode;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}) {
  return (
    <div className="stat">
      <dt>{label}</dt>
      <dd className="num">{value}</dd>
      <dd className="stat-note">{note}</dd>
    </div>
  );
}

export function Empty({
  icon,
  title,
  children,
  action,
}: {
  readonly icon?: ReactNode;
  readonly title: ReactNode;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <div className="empty">
      {icon ? <div className="empty-icon">{icon}</div> : null}
      <strong>{title}</strong>
      {children ? <p>{children}</p> : null}
      {action}
    </div>
  );
}

/** Names and their values, in a column each. */
export function Facts({ rows }: { readonly rows: ReadonlyArray<readonly [ReactNode, ReactNode]> }) {
  return (
    <dl className="facts">
      {rows.map(([name, value], place) => (
        // The rows of one list never change their order.
        // biome-ignore lint/suspicious/noArrayIndexKey: the place is what a row is known by
        <div key={place}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Space that is kept while something loads, so that nothing jumps when it is there. */
export function Bones({ lines = 3 }: { readonly lines?: number }) {
  return (
    <div className="bones" aria-hidden>
      {Array.from({ length: lines }, (_, place) => `bone-${place}`).map((key) => (
        <div key={key} className="bone" />
      ))}
    </div>
  );
}

export function Meter({
  share,
  tone,
  label,
}: {
  readonly share: number;
  readonly tone: string;
  readonly label: string;
}) {
  const full = Math.min(1, Math.max(0, share));
  return (
    <div className="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={1} aria-valuenow={full}>
      <div className={`meter-fill tone-${tone}`} style={{ width: `${full * 100}%` }} />
    </div>
  );
}
