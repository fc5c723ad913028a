/** Sign in; at a master's first run, set up its administrator. A link of `kyc up --open` brings a code behind the `#`. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { Navigate, useLocation } from "react-router";
import { type Session, sessionQuery, setUp, signIn } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { Button } from "@/parts/Button";
import { Bones } from "@/parts/layout";
import { ProblemNote, withCode } from "@/parts/Problem";
import { useTitle } from "@/parts/useTitle";
import { paths } from "@/paths";

export function SignIn() {
  const { t } = useTranslation();
  const { data, error } = useQuery(sessionQuery);
  useTitle(t(data?.setup_needed ? "signIn.setupTitle" : "signIn.verb"));
  const location = useLocation();
  if (data?.me) return <Navigate to={location.state?.from ?? paths.overview()} replace />;
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <img src="/mark.svg" width={40} height={40} alt="" />
        {data ? <Form session={data} /> : error ? <ProblemNote error={error} /> : <Bones lines={4} />}
      </div>
    </main>
  );
}

/** The code of a link; it leaves the address bar, and with it the browser's history, at once. */
function takeCode(): string {
  const code = new URLSearchParams(window.location.hash.slice(1)).get("code") ?? "";
  if (code) window.history.replaceState(window.history.state, "", window.location.pathname);
  return code;
}

function Form({ session }: { readonly session: Session }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [linked] = useState(takeCode);
  const [byCode, setByCode] = useState(false);
  const [given, setGiven] = useState({ name: "", password: "", code: linked });
  const { name, password, code } = given;
  const setup = session.setup_needed;
  const entering = useMutation({ mutationFn: (by: () => Promise<void>) => by() });
  const { mutate } = entering;
  useEffect(() => {
    if (linked && !setup) mutate(() => signIn(client, { code: linked }));
  }, [linked, setup, mutate, client]);
  const needed = setup ? [name, password, code] : byCode ? [code] : [name, password];
  const complete = needed.every((value) => value.trim() !== "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!complete) return;
    if (setup) mutate(() => setUp(client, given));
    else mutate(() => signIn(client, byCode ? { code: code.trim() } : { name, password }));
  };
  const field = (key: keyof typeof given, label: string, type: string, complete: string) => (
    <label className="field">
      <span>{label}</span>
      <input
        className="input"
        type={type}
        autoComplete={complete}
        value={given[key]}
        onChange={(event) => setGiven({ ...given, [key]: event.target.value })}
      />
    </label>
  );
  return (
    <form onSubmit={submit}>
      <h1>{t(setup ? "signIn.setupTitle" : "signIn.title")}</h1>
      <p className="quiet">{t(session.expired ? "signIn.expired" : setup ? "signIn.setupLead" : "signIn.lead")}</p>
      {setup && linked ? <p className="note tone-good">{t("signIn.linked")}</p> : null}
      {setup || !byCode ? field("name", t("signIn.name"), "text", "username") : null}
      {setup || !byCode
        ? field(
            "password",
            t(setup ? "signIn.newPassword" : "signIn.password"),
            "password",
            setup ? "new-password" : "current-password",
          )
        : null}
      {(setup && (!linked || entering.error)) || byCode ? field("code", t("signIn.code"), "password", "off") : null}
      {entering.error ? <ProblemNote error={entering.error} /> : null}
      <Button
        kind="primary"
        type="submit"
        busy={entering.isPending}
        why={complete ? undefined : t("signIn.incomplete")}
        icon={<KeyRound size={15} aria-hidden />}
      >
        {t(setup ? "signIn.setupVerb" : "signIn.verb")}
      </Button>
      {setup ? (
        <Button
          kind="ghost"
          why={code ? undefined : t("signIn.incomplete")}
          onClick={() => mutate(() => signIn(client, { code: code.trim() }))}
        >
          {t("signIn.skip")}
        </Button>
      ) : (
        <Button kind="ghost" onClick={() => setByCode(!byCode)}>
          {t(byCode ? "signIn.byName" : "signIn.byCode")}
        </Button>
      )}
      {linked ? null : <p className="hint">{withCode(t("signIn.where"))}</p>}
    </form>
  );
}
