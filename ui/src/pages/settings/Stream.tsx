/** Where files go: the stream of new jobs, where each job's files lie, and another stream tried or moved to. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { MigrationRow, StreamCheck } from "@/api/schema";
import { useReadOnly } from "@/api/session";
import { bytes } from "@/format/bytes";
import { useTranslation } from "@/i18n/useTranslation";
import { Badge } from "@/parts/Badge";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Bones, Card, Empty, Facts, Meter } from "@/parts/layout";
import { ProblemNote, withCode } from "@/parts/Problem";
import { paths } from "@/paths";
import type { Tone } from "@/tone/tone";

const MOST = 200;
const VERDICTS = { good: "good", warning: "warn", bad: "bad" } as const satisfies Record<string, Tone>;
type Verdict = keyof typeof VERDICTS;
const isVerdict = (word: string): word is Verdict => word in VERDICTS;

export function Stream() {
  return (
    <div className="columns columns-loose">
      <Present />
      <Another />
    </div>
  );
}

function Present() {
  const { t } = useTranslation();
  const usual = useQuery(queries.stream());
  const { data, error } = useQuery(queries.migrations());
  const failed = usual.error ?? error;
  return (
    <Card title={t("settings.stream.present")}>
      {failed ? <ProblemNote error={failed} /> : null}
      {usual.data ? (
        <Facts
          rows={[
            [
              t("settings.stream.usual"),
              <span key="u" className="mono">
                {usual.data.url}
              </span>,
            ],
          ]}
        />
      ) : (
        <Bones lines={1} />
      )}
      <p className="hint">{withCode(t("settings.stream.usualNote"))}</p>
      {data?.length === 0 ? <Empty title={t("settings.stream.noJob")} /> : null}
      <ul className="alerts small" aria-label={t("settings.stream.where")}>
        {data
          ?.slice(-MOST)
          .toReversed()
          .map((row) => (
            <Whereabouts key={row.name} row={row} />
          ))}
      </ul>
    </Card>
  );
}

function Whereabouts({ row }: { readonly row: MigrationRow }) {
  const { t } = useTranslation();
  const moving = row.target !== "";
  return (
    <li>
      <div className="row between wrap">
        <Link to={paths.job(row.name)}>{row.name}</Link>
        <span className="mono quiet">{moving ? `${row.source} → ${row.target}` : row.source}</span>
      </div>
      {moving ? (
        <>
          <Meter
            share={row.total_bytes > 0 ? row.copied_bytes / row.total_bytes : 0}
            tone="accent"
            label={t("settings.stream.moving", { name: row.name })}
          />
          <span className="quiet num">
            {bytes(row.copied_bytes)} / {bytes(row.total_bytes)}
          </span>
        </>
      ) : null}
      {row.error ? <p className="note tone-warn">{row.error}</p> : null}
    </li>
  );
}

/** Another stream is tried out before anything moves there. */
function Another() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const [url, setUrl] = useState("");
  const [token, setToken] = useState("");
  const asked = { url: url.trim(), token };
  const checking = useMutation({ mutationFn: () => actions.checkStream(asked) });
  const why = readOnly ?? (asked.url ? undefined : t("settings.stream.noUrl"));
  const found = checking.data;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!why) checking.mutate();
  };
  const change = (set: (value: string) => void) => (value: string) => {
    set(value);
    checking.reset(); // what was found is about another address
  };
  return (
    <Card title={t("settings.stream.another")}>
      <form className="wizard" onSubmit={submit}>
        <label className="field">
          <span>{t("settings.stream.url")}</span>
          <input
            className="input mono"
            spellCheck={false}
            placeholder="s3://bucket/prefix"
            value={url}
            onChange={(event) => change(setUrl)(event.target.value)}
          />
          <span className="field-hint">{t("settings.stream.urlHint")}</span>
        </label>
        <label className="field">
          <span>
            {t("settings.stream.token")} ({t("settings.optional")})
          </span>
          <input
            className="input"
            type="password"
            autoComplete="off"
            value={token}
            onChange={(event) => change(setToken)(event.target.value)}
          />
        </label>
        <div className="row wrap">
          <Button type="submit" busy={checking.isPending} why={why}>
            {t("settings.check")}
          </Button>
          <Confirm
            button={{
              children: t("settings.stream.move"),
              why: why ?? (found?.ok ? undefined : t("settings.stream.checkFirst")),
            }}
            title={t("settings.stream.moveTitle", { url: asked.url })}
            verb={t("settings.stream.move")}
            tone="primary"
            act={() => actions.moveStream({ ...asked, workloads: [] })}
            onDone={() => void client.invalidateQueries({ queryKey: ["streams"] })}
          >
            <p>{t("settings.stream.moveText")}</p>
          </Confirm>
        </div>
      </form>
      {checking.error ? <ProblemNote error={checking.error} /> : null}
      {found ? <Findings check={found} /> : null}
    </Card>
  );
}

function Findings({ check }: { readonly check: StreamCheck }) {
  const { t } = useTranslation();
  return (
    <ul className="alerts small" aria-label={t("settings.stream.findings")}>
      {check.findings.map((row) => {
        const verdict = isVerdict(row.verdict) ? row.verdict : "bad";
        return (
          <li key={row.subject}>
            <div className="row between">
              <strong>{row.subject}</strong>
              <Badge tone={VERDICTS[verdict]}>{t(`settings.stream.verdict.${verdict}`)}</Badge>
            </div>
            <span className="quiet">{row.text}</span>
            {row.next_step ? <p>{withCode(row.next_step)}</p> : null}
          </li>
        );
      })}
    </ul>
  );
}
