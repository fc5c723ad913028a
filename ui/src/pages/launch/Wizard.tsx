/** The form beside the file. It has no state of its own: every field reads the file and writes it. */
import { type ReactNode, useId } from "react";
import { useTranslation } from "@/i18n/useTranslation";
import { type Place, valueAt, withValue } from "@/pages/launch/file";

interface WizardProps {
  readonly text: string;
  readonly change: (text: string) => void;
}

const SERVING = [
  { key: "image", place: ["image"], example: "python:3.12-slim" },
  { key: "port", place: ["service", "port"], example: "8080" },
  { key: "probe", place: ["service", "readiness_probe"], example: "/health" },
  { key: "least", place: ["service", "replica_policy", "min_replicas"], example: "1" },
  { key: "most", place: ["service", "replica_policy", "max_replicas"], example: "4" },
  { key: "rate", place: ["service", "replica_policy", "target_qps_per_replica"], example: "5" },
] as const;

const MACHINE = [
  { key: "cpus", place: ["resources", "cpus"], example: "4+" },
  { key: "memory", place: ["resources", "memory"], example: "16+" },
  { key: "accelerators", place: ["resources", "accelerators"], example: "A100:1" },
  { key: "cloud", place: ["resources", "cloud"], example: "aws" },
  { key: "region", place: ["resources", "region"], example: "us-east-1" },
] as const;
const LIMITS = [
  { key: "deadline", place: ["deadline"], example: "6h" },
  { key: "budget", place: ["budget"], example: "12 USD" },
] as const;

export function Wizard({ text, change, kind }: WizardProps & { readonly kind: "job" | "service" }) {
  const { t } = useTranslation();
  const spot = valueAt(text, ["resources", "use_spot"]) !== "false";
  const field = (place: Place, label: string, example: string) => (
    <Field key={place.join(".")} label={label}>
      {(id) => (
        <input
          id={id}
          className="input"
          value={valueAt(text, place)}
          placeholder={example}
          spellCheck={false}
          onChange={(event) => change(withValue(text, place, event.target.value))}
        />
      )}
    </Field>
  );
  return (
    <div className="wizard">
      <fieldset>
        <legend>{t("launch.work")}</legend>
        {field(["name"], t("launch.field.name"), "train")}
        <Area text={text} change={change} place={["run"]} label={t("launch.field.run")} rows={5} />
        <Area text={text} change={change} place={["setup"]} label={t("launch.field.setup")} rows={2} />
      </fieldset>
      <fieldset>
        <legend>{t("launch.machine")}</legend>
        <div className="pair">
          {MACHINE.map(({ key, place, example }) => field(place, t(`launch.field.${key}`), example))}
        </div>
        <label className="check">
          <input
            type="checkbox"
            checked={spot}
            onChange={(event) => change(withValue(text, ["resources", "use_spot"], event.target.checked))}
          />
          {t("launch.field.use_spot")}
        </label>
      </fieldset>
      <fieldset>
        <legend>{t(kind === "job" ? "launch.limits" : "launch.serving")}</legend>
        <div className="pair">
          {kind === "job"
            ? LIMITS.map(({ key, place, example }) => field(place, t(`launch.field.${key}`), example))
            : SERVING.map(({ key, place, example }) => field(place, t(`launch.field.${key}`), example))}
        </div>
      </fieldset>
    </div>
  );
}

function Area({
  text,
  change,
  place,
  label,
  rows,
}: WizardProps & { readonly place: Place; readonly label: string; readonly rows: number }) {
  return (
    <Field label={label}>
      {(id) => (
        <textarea
          id={id}
          className="textarea mono"
          rows={rows}
          spellCheck={false}
          value={valueAt(text, place)}
          onChange={(event) => change(withValue(text, place, event.target.value))}
        />
      )}
    </Field>
  );
}

function Field({ label, children }: { readonly label: string; readonly children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}
