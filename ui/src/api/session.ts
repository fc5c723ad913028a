/** The token this browser signs in with, and whether the master still takes it. */
import { useSyncExternalStore } from "react";

const KEY = "kyc.token";

export type Session =
  | { readonly state: "signed-in"; readonly token: string }
  | { readonly state: "signed-out"; readonly why: "never" | "asked" | "expired" };

let current: Session = read();
const listeners = new Set<() => void>();

function read(): Session {
  const token = localStorage.getItem(KEY);
  return token ? { state: "signed-in", token } : { state: "signed-out", why: "never" };
}

function change(session: Session): void {
  current = session;
  for (const listener of listeners) listener();
}

export const session = {
  get: (): Session => current,
  signIn(token: string): void {
    localStorage.setItem(KEY, token);
    change({ state: "signed-in", token });
  },
  /** `expired`: the master refused the token; a token that replaced it in the meantime stays. */
  signOut(why: "asked" | "expired", token?: string): void {
    if (token !== undefined && current.state === "signed-in" && current.token !== token) return;
    localStorage.removeItem(KEY);
    change({ state: "signed-out", why });
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

// Another tab of this browser signed in or out.
window.addEventListener("storage", (event) => {
  if (event.key === KEY) change(read());
});

export function useSession(): Session {
  return useSyncExternalStore(session.subscribe, session.get);
}
