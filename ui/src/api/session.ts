/** Who this browser is signed in as. The secret is in a cookie that no script can read; here is only what the master says. */
import { type QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { call } from "@/api/call";
import type { Me, SessionState, SetupRequest, SignInRequest } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";

export interface Session extends SessionState {
  /** It was refused in the middle of something, so that one is told why one signs in again. */
  readonly expired?: boolean;
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }): Promise<Session> => call<SessionState>("/session", { signal }),
  staleTime: Number.POSITIVE_INFINITY,
});

export function useMe(): Me | null {
  return useQuery(sessionQuery).data?.me ?? null;
}

/** Why this person may change nothing; undefined: they may. */
export function useReadOnly(): string | undefined {
  const { t } = useTranslation();
  return useMe()?.role === "viewer" ? t("shell.viewer") : undefined;
}

export async function signIn(client: QueryClient, asked: Partial<SignInRequest>): Promise<void> {
  enter(client, await call<Me>("/session", { method: "POST", body: asked }));
}

export async function setUp(client: QueryClient, asked: SetupRequest): Promise<void> {
  enter(client, await call<Me>("/session/setup", { method: "POST", body: asked }));
}

export async function signOut(client: QueryClient): Promise<void> {
  await call("/session", { method: "DELETE" });
  leave(client, false);
}

/** Forget all that was read: nobody who signs in next sees it. */
export function leave(client: QueryClient, expired: boolean): void {
  const known = client.getQueryData<Session>(sessionQuery.queryKey);
  if (known && known.me === null) return;
  // What shows the session must hear of it, so that one query stays; who looks at the others is gone by then.
  client.setQueryData<Session>(sessionQuery.queryKey, { me: null, setup_needed: false, expired });
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
  client.getMutationCache().clear();
}

function enter(client: QueryClient, me: Me): void {
  client.setQueryData<Session>(sessionQuery.queryKey, { me, setup_needed: false });
}
