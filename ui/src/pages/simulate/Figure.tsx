interface FigureProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly wrong?: boolean;
}

/** A field for one number. */
export function Figure({ label, value, change, wrong }: FigureProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <input
        className="input num"
        inputMode="decimal"
        value={value}
        aria-invalid={wrong || undefined}
        onChange={(event) => change(event.target.value)}
      />
    </label>
  );
}
