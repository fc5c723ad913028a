import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { leave, type Session, sessionQuery } from "@/api/session";

const ada: Session = {
  me: { name: "ada", role: "admin", kind: "session", expires_at: null },
  setup_needed: false,
};

test("who shows the session hears that it has ended, and all else that was read is forgotten", () => {
  const client = new QueryClient();
  client.setQueryData(sessionQuery.queryKey, ada);
  client.setQueryData(["instances"], ["i-1"]);
  const observer = new QueryObserver(client, sessionQuery);
  const end = observer.subscribe(() => undefined);
  leave(client, true);
  expect(observer.getCurrentResult().data).toEqual({ me: null, setup_needed: false, expired: true });
  expect(client.getQueryData(["instances"])).toBeUndefined();
  leave(client, false); // what is refused afterwards does not change why
  expect(client.getQueryData(sessionQuery.queryKey)?.expired).toBe(true);
  end();
});
