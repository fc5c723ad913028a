import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import { useTranslation } from "@/i18n/useTranslation";
import { Age, Until } from "@/parts/Age";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const ROLES = ["viewer", "admin"] as const;
type Role = (typeof ROLES)[number];
const NOBODY = { name: "", password: "", role: "viewer" as Role };

export function People() {
  return (
    <div className="columns">
      <Users />
      <Tokens />
    </div>
  );
}

function Users() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { data, error } = useQuery(queries.users());
  const [given, setGiven] = useState(NOBODY);
  const again = () => client.invalidateQueries({ queryKey: ["people"] });
  const adding = useMutation({
    mutationFn: () => actions.addUser(given),
    onSuccess: () => {
      setGiven(NOBODY);
      return again();
    },
  });
  const changing = useMutation({
    mutationFn: ({ name, role }: { name: string; role: Role }) => actions.changeUser(name, { role }),
    onSuccess: again,
  });
  const why = given.name && given.password ? undefined : t("signIn.incomplete");
  const failed = adding.error ?? changing.error ?? error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!why) adding.mutate();
  };
  return (
    <Card title={t("settings.users")}>
      <form className="tools" onSubmit={submit}>
        <input
          className="input grow"
          aria-label={t("signIn.name")}
          placeholder={t("signIn.name")}
          autoComplete="off"
          value={given.name}
          onChange={(event) => setGiven({ ...given, name: event.target.value })}
        />
        <input
          className="input grow"
          type="password"
          aria-label={t("signIn.newPassword")}
          placeholder={t("signIn.newPassword")}
          autoComplete="new-password"
          value={given.password}
          onChange={(event) => setGiven({ ...given, password: event.target.value })}
        />
        <RoleSelect role={given.role} choose={(role) => setGiven({ ...given, role })} />
        <Button type="submit" busy={adding.isPending} why={why}>
          {t("settings.addUser")}
        </Button>
      </form>
      {failed ? <ProblemNote error={failed} /> : null}
      <ul className="alerts" aria-label={t("settings.users")}>
        {data?.map((user) => (
          <li key={user.name} className="row between wrap">
            <span>
              <strong>{user.name}</strong>{" "}
              <span className="quiet small">
                <Age at={user.created_at} />
              </span>
            </span>
            <span className="row wrap">
              <RoleSelect
                role={user.role as Role}
                of={user.name}
                choose={(role) => changing.mutate({ name: user.name, role })}
              />
              <NewPassword name={user.name} />
              <Confirm
                button={{ size: "small", kind: "ghost", children: t("settings.remove") }}
                title={t("settings.removeTitle", { name: user.name })}
                verb={t("settings.remove")}
                act={() => actions.removeUser(user.name).then(again)}
              >
                <p>{t("settings.removeUserText")}</p>
              </Confirm>
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** An administrator gives a user another password: the user's sessions end. */
function NewPassword({ name }: { readonly name: string }) {
  const { t } = useTranslation();
  const [password, setPassword] = useState("");
  return (
    <Confirm
      button={{ size: "small", kind: "ghost", children: t("settings.newPassword") }}
      title={t("settings.newPasswordTitle", { name })}
      verb={t("settings.newPassword")}
      tone="primary"
      why={password ? undefined : t("signIn.incomplete")}
      act={() => actions.changeUser(name, { password })}
      onDone={() => setPassword("")}
    >
      <p>{t("settings.newPasswordText")}</p>
      <label className="field">
        <span>{t("signIn.newPassword")}</span>
        <input
          className="input"
          type="password"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </label>
    </Confirm>
  );
}

function Tokens() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { data, error } = useQuery(queries.tokens());
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const again = () => client.invalidateQueries({ queryKey: ["people"] });
  const adding = useMutation({ mutationFn: () => actions.addToken({ name, role }), onSuccess: again });
  const failed = adding.error ?? error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name) adding.mutate();
  };
  return (
    <Card title={t("settings.tokens")}>
      <form className="tools" onSubmit={submit}>
        <input
          className="input grow"
          aria-label={t("settings.tokenName")}
          placeholder={t("settings.tokenName")}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <RoleSelect role={role} choose={setRole} />
        <Button type="submit" busy={adding.isPending} why={name ? undefined : t("signIn.incomplete")}>
          {t("settings.addToken")}
        </Button>
      </form>
      {failed ? <ProblemNote error={failed} /> : null}
      {adding.data ? (
        <div className="note tone-good" role="status">
          {t("settings.tokenOnce")} <code>{adding.data.token}</code>
        </div>
      ) : null}
      <ul className="alerts" aria-label={t("settings.tokens")}>
        {data?.map((token) => (
          <li key={token.id} className="row between">
            <span>
              <strong>{token.name}</strong> <span className="quiet">{t(`role.${token.role as Role}`)}</span>{" "}
              {token.expires_at ? <Until at={token.expires_at} /> : t("settings.never")}
            </span>
            <Confirm
              button={{ size: "small", kind: "ghost", children: t("settings.revoke") }}
              title={t("settings.revokeTitle", { name: token.name })}
              verb={t("settings.revoke")}
              act={() => actions.removeToken(token.id).then(again)}
            >
              <p>{t("settings.revokeText")}</p>
            </Confirm>
          </li>
        ))}
      </ul>
    </Card>
  );
}

interface RoleSelectProps {
  readonly role: Role;
  readonly choose: (role: Role) => void;
  /** Whose role it is; none: of what is added. */
  readonly of?: string;
}

function RoleSelect({ role, choose, of }: RoleSelectProps) {
  const { t } = useTranslation();
  return (
    <select
      className={of === undefined ? "select" : "select select-small"}
      aria-label={of === undefined ? t("settings.role") : t("settings.roleOf", { name: of })}
      value={role}
      onChange={(event) => choose(event.target.value as Role)}
    >
      {ROLES.map((one) => (
        <option key={one} value={one}>
          {t(`role.${one}`)}
        </option>
      ))}
    </select>
  );
}
