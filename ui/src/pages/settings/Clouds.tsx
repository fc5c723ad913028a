/** The clouds, whether each works, and the accounts there. Secrets go in and never come out. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { AccountReport, AccountRow, CloudForm } from "@/api/schema";
import { useReadOnly } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { Age } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Bones, Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { paths } from "@/paths";

export function Clouds() {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.clouds());
  const forms = useQuery(queries.forms());
  const [replaced, replace] = useState<AccountRow | null>(null);
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Bones lines={5} />;
  return (
    <div className="columns columns-loose">
      {data.map((cloud) => (
        <Card
          key={cloud.name}
          title={cloud.name}
          aside={
            <Badge tone={cloud.ready ? "good" : "bad"}>{t(cloud.ready ? "settings.works" : "settings.broken")}</Badge>
          }
        >
          <p className="hint">{cloud.message}</p>
          {forms.data && !forms.data.some((form) => form.cloud === cloud.name) ? (
            <p className="hint">
              {t("settings.noAccountNeeded")} <Link to={paths.launch()}>{t("settings.launchThere")}</Link>
            </p>
          ) : null}
          {cloud.accounts.map((account) => (
            <Account key={account.name} account={account} replace={replace} />
          ))}
        </Card>
      ))}
      {forms.data?.map((form) => (
        <AddAccount
          key={`${form.cloud} ${replaced?.cloud === form.cloud ? replaced.name : ""}`}
          form={form}
          replaced={replaced?.cloud === form.cloud ? replaced.name : null}
        />
      ))}
    </div>
  );
}

interface AccountProps {
  readonly account: AccountRow;
  /** Open the form that gives the account other credentials. */
  readonly replace: (account: AccountRow) => void;
}

function Account({ account, replace }: AccountProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const again = () => client.invalidateQueries({ queryKey: ["clouds"] });
  const checking = useMutation({
    mutationFn: () => actions.checkAccount(account.cloud, account.name),
    onSuccess: again,
  });
  return (
    <div className="account">
      <div className="row between wrap">
        <span>
          <strong>{account.name}</strong> <span className="mono quiet small">{account.identity}</span>
          <span className="quiet block small">
            {t("settings.checked")} <Age at={account.checked_at} />
          </span>
        </span>
        <span className="row">
          <Button size="small" busy={checking.isPending} why={readOnly} onClick={() => checking.mutate()}>
            {t("settings.check")}
          </Button>
          <Button size="small" why={readOnly} onClick={() => replace(account)}>
            {t("settings.replace")}
          </Button>
          <Confirm
            button={{ size: "small", children: t("settings.remove") }}
            title={t("settings.removeTitle", { name: account.name })}
            verb={t("settings.remove")}
            act={() => actions.removeAccount(account.cloud, account.name).then(again)}
          >
            <p>{t("settings.removeText")}</p>
          </Confirm>
        </span>
      </div>
      {checking.error ? <ProblemNote error={checking.error} /> : null}
      {checking.data ? <Report report={checking.data} /> : null}
    </div>
  );
}

interface AddAccountProps {
  readonly form: CloudForm;
  /** The account that gets other credentials; null: a new one. */
  readonly replaced: string | null;
}

function AddAccount({ form, replaced }: AddAccountProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const [name, setName] = useState(replaced ?? "default");
  const [values, setValues] = useState<Record<string, string>>({});
  const adding = useMutation({
    mutationFn: () => {
      const filled = Object.entries(values).filter(([, value]) => value !== "");
      return actions.addAccount(form.cloud, name, { values: Object.fromEntries(filled) });
    },
    onSuccess: (report) => {
      if (report.accepted) setValues({});
      return client.invalidateQueries({ queryKey: ["clouds"] });
    },
  });
  const place = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (replaced !== null) place.current?.querySelector<HTMLElement>("label:nth-of-type(2) .input, .textarea")?.focus();
  }, [replaced]);
  const missing = form.fields.find((field) => field.required && !(values[field.name] ?? field.default));
  const why = readOnly ?? (missing ? t("settings.missing", { field: missing.title }) : undefined);
  const set = (field: string, value: string) => setValues({ ...values, [field]: value });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!why) adding.mutate();
  };
  return (
    <Card
      title={
        replaced === null
          ? t("settings.addAccount", { cloud: form.title })
          : t("settings.replaceAccount", { name: replaced, cloud: form.title })
      }
    >
      <form className="wizard" onSubmit={submit} ref={place}>
        <label className="field">
          <span>{t("settings.accountName")}</span>
          <input className="input" value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        {form.fields.map((field) => (
          // biome-ignore lint/a11y/noLabelWithoutControl: one of the two is always in it
          <label key={field.name} className="field">
            <span>{field.required ? field.title : `${field.title} (${t("settings.optional")})`}</span>
            {field.file ? (
              <textarea
                className="textarea mono"
                rows={4}
                spellCheck={false}
                value={values[field.name] ?? ""}
                onChange={(event) => set(field.name, event.target.value)}
              />
            ) : (
              <input
                className="input"
                type={field.secret ? "password" : "text"}
                autoComplete="off"
                placeholder={field.default}
                value={values[field.name] ?? ""}
                onChange={(event) => set(field.name, event.target.value)}
              />
            )}
            {field.help ? <span className="field-hint">{field.help}</span> : null}
          </label>
        ))}
        {adding.error ? <ProblemNote error={adding.error} /> : null}
        {adding.data ? <Report report={adding.data} /> : null}
        <Button type="submit" busy={adding.isPending} why={why}>
          {t("settings.verify")}
        </Button>
      </form>
    </Card>
  );
}

function Report({ report }: { readonly report: AccountReport }) {
  const { t } = useTranslation();
  const refused = report.rights.filter((right) => right.granted === false);
  return (
    <div className={`note tone-${report.accepted ? "good" : "bad"}`} role="status">
      <strong>{t(report.accepted ? "settings.accepted" : "settings.refused")}</strong>
      <ul>
        {refused.map((right) => (
          <li key={right.name}>
            <span className="mono">{right.name}</span> {right.problem || right.purpose}
          </li>
        ))}
        {report.warnings.map((warning) => (
          <li key={warning}>{warning}</li>
        ))}
      </ul>
    </div>
  );
}
