/** One door to the API: adds the token, reads problems, and ends the session when the token is refused. */
import { problemOf, unreachable } from "@/api/problem";
import { session } from "@/api/session";

export const API = "/api/v1";
const UNAUTHORISED = 401;

export type Query = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>;

export interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** Return the answer; throw ProblemError if it is a refusal, or if there is none. */
export async function ask(path: string, asked: Asked = {}): Promise<Response> {
  const token = asked.token ?? tokenNow();
  const headers: Record<string, string> = { ...asked.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(addressOf(path, asked.query), {
    method: asked.method ?? "GET",
    headers,
    ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    ...(asked.signal ? { signal: asked.signal } : {}),
  }).catch((error: unknown) => {
    if (asked.signal?.aborted) throw error;
    throw unreachable();
  });
  if (answer.ok) return answer;
  if (answer.status === UNAUTHORISED && asked.token === undefined) session.signOut("expired", token);
  throw await problemOf(answer);
}

/** Return the answer's JSON. The caller names its type, which is one of the generated ones. */
export async function call<T>(path: string, asked: Asked = {}): Promise<T> {
  const answer = await ask(path, asked);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export function addressOf(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === null || value === undefined || value === "") return [];
    return Array.isArray(value) ? value.map((one) => [name, String(one)]) : [[name, String(value)]];
  });
  const text = new URLSearchParams(pairs).toString();
  return `${API}${path}${text ? `?${text}` : ""}`;
}

function tokenNow(): string | undefined {
  const now = session.get();
  return now.state === "signed-in" ? now.token : undefined;
}
