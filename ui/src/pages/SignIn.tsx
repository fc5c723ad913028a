/** Sign in with the master's token. A link with `#token=…`, as `kyc up --open` makes it, signs in by itself. */
import { useMutation } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { Trans, useTranslation } from "react-i18next";
import { Navigate, useLocation } from "react-router";
import { call } from "@/api/call";
import type { CloudRow } from "@/api/schema";
import { session, useSession } from "@/api/session";
import { Button } from "@/parts/Button";
import { ProblemNote } from "@/parts/Problem";
import { paths } from "@/paths";

export function SignIn() {
  const { t } = useTranslation();
  const now = useSession();
  const location = useLocation();
  const [token, setToken] = useState("");
  const trying = useMutation({
    mutationFn: async (given: string) => {
      await call<CloudRow[]>("/clouds", { token: given });
      session.signIn(given);
    },
  });
  const { mutate } = trying;
  useEffect(() => {
    const given = new URLSearchParams(window.location.hash.slice(1)).get("token");
    if (!given) return;
    window.history.replaceState(window.history.state, "", window.location.pathname); // the token leaves the address
    mutate(given);
  }, [mutate]);
  if (now.state === "signed-in") return <Navigate to={location.state?.from ?? paths.overview()} replace />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim()) trying.mutate(token.trim());
  };
  return (
    <main className="sign-in">
      <form className="sign-in-card" onSubmit={submit}>
        <img src="/mark.svg" width={40} height={40} alt="" />
        <h1>{t("signIn.title")}</h1>
        <p className="quiet">{now.why === "expired" ? t("signIn.expired") : t("signIn.lead")}</p>
        <label className="field">
          <span>{t("signIn.token")}</span>
          <input className="input mono" type="password" autoComplete="current-password" value={token} onChange={(event) => setToken(event.target.value)} />
        </label>
        {trying.error ? <ProblemNote error={trying.error} /> : null}
        <Button kind="primary" type="submit" busy={trying.isPending} why={token.trim() ? undefined : t("signIn.noToken")} icon={<KeyRound size={15} aria-hidden />}>
          {t("signIn.verb")}
        </Button>
        <p className="hint">
          <Trans i18nKey="signIn.where" components={{ code: <code /> }} />
        </p>
      </form>
    </main>
  );
}
