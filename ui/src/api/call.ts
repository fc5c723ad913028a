/** One door to the API: reads problems, and tells when the master does not know this browser any more. */
import { early } from "@/api/early";
import { problemOf, unreachable } from "@/api/problem";

export const API = "/api/v1";
const UNAUTHORISED = 401;
const OWN_PAGE = { "X-Kyc-Request": "1" }; // no other site's page can set it

export type Query = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>;

export interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Query | undefined;
  readonly body?: unknown;
  /** Bytes to send as they are, in place of a body. */
  readonly content?: Blob;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

let refused: () => void = () => undefined;

/** Have it called when a request is refused because nobody is signed in. */
export function onRefused(listener: () => void): void {
  refused = listener;
}

/** Return the answer; throw ProblemError if it is a refusal, or if there is none. */
export async function ask(path: string, asked: Asked = {}): Promise<Response> {
  const address = addressOf(path, asked.query);
  const begun = asked.method || asked.headers ? null : await early(address);
  if (begun) return begun;
  const headers: Record<string, string> = { ...OWN_PAGE, ...asked.headers };
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(address, {
    method: asked.method ?? "GET",
    headers,
    ...(asked.content ? { body: asked.content } : {}),
    ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    ...(asked.signal ? { signal: asked.signal } : {}),
  }).catch((error: unknown) => {
    if (asked.signal?.aborted) throw error;
    throw unreachable();
  });
  if (answer.ok) return answer;
  if (answer.status === UNAUTHORISED && !path.startsWith("/session")) refused();
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
