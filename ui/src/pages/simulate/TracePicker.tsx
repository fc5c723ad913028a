/** Which recording a what-if runs on: those that the master has, one's own, or a made-up one to try it with. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { FlaskConical, Upload } from "lucide-react";
import { useEffect, useRef } from "react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import { useReadOnly } from "@/api/session";
import { bytes } from "@/format/bytes";
import { useTranslation } from "@/i18n/useTranslation";
import { exampleRequests, exampleSpot } from "@/pages/simulate/example";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ProblemNote } from "@/parts/Problem";

export type TraceKind = "job" | "service";
const EXAMPLES = {
  job: { name: "example-spot.json", make: exampleSpot },
  service: { name: "example-requests.csv", make: exampleRequests },
} as const;

interface TracePickerProps {
  readonly kind: TraceKind;
  readonly chosen: string;
  readonly choose: (trace: string) => void;
}

export function TracePicker({ kind, chosen, choose }: TracePickerProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const file = useRef<HTMLInputElement>(null);
  const { data, error } = useQuery(queries.traces());
  const rows = (data ?? []).filter((row) => row.kind === kind || row.kind === "unknown");
  const first = rows[0]?.name ?? "";
  const known = rows.some((row) => row.name === chosen);
  useEffect(() => {
    if (data && !known) choose(first);
  }, [data, known, first, choose]);
  const again = () => client.invalidateQueries({ queryKey: ["traces"] });
  const adding = useMutation({
    mutationFn: ({ name, content }: { name: string; content: Blob }) => actions.addTrace(name, content),
    onSuccess: async (row) => {
      await again();
      choose(row.name);
    },
  });
  const example = EXAMPLES[kind];
  const failed = adding.error ?? error;
  return (
    <div className="wizard">
      <label className="field">
        <span>{t("simulate.trace")}</span>
        <select className="select" value={chosen} onChange={(event) => choose(event.target.value)}>
          {rows.length === 0 ? <option value="">{t("simulate.noTrace")}</option> : null}
          {rows.map((row) => (
            <option key={row.name} value={row.name}>
              {row.name} · {bytes(row.bytes)}
            </option>
          ))}
        </select>
        <span className="field-hint">{t(`simulate.traceHint.${kind}`)}</span>
      </label>
      <div className="row wrap">
        <input
          ref={file}
          className="unseen"
          type="file"
          tabIndex={-1}
          aria-label={t("simulate.upload")}
          onChange={(event) => {
            const content = event.target.files?.[0];
            if (content) adding.mutate({ name: safeName(content.name), content });
            event.target.value = "";
          }}
        />
        <Button
          size="small"
          icon={<Upload size={13} aria-hidden />}
          busy={adding.isPending}
          why={readOnly}
          onClick={() => file.current?.click()}
        >
          {t("simulate.upload")}
        </Button>
        <Button
          size="small"
          icon={<FlaskConical size={13} aria-hidden />}
          busy={adding.isPending}
          why={readOnly}
          onClick={() => adding.mutate({ name: example.name, content: new Blob([example.make()]) })}
        >
          {t("simulate.makeExample")}
        </Button>
        {known ? (
          <Confirm
            button={{ size: "small", kind: "ghost", children: t("settings.remove") }}
            title={t("settings.removeTitle", { name: chosen })}
            verb={t("settings.remove")}
            act={() => actions.removeTrace(chosen).then(again)}
          >
            <p>{t("simulate.removeText")}</p>
          </Confirm>
        ) : null}
      </div>
      {chosen === example.name ? <p className="note tone-warn">{t("simulate.isExample")}</p> : null}
      {failed ? <ProblemNote error={failed} /> : null}
    </div>
  );
}

/** A file's name as the master takes it. */
const safeName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_.-]/g, "-").replace(/^[._-]+/, "") || "trace";
