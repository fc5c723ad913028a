// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { ProblemError, unreachable } from "@/api/problem";
import { sessionQuery } from "@/api/session";
import { setUpLanguage } from "@/i18n/setup";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { kindOf } from "@/parts/TerraformLog";

function shown(what: ReactNode, role: "admin" | "viewer" = "admin") {
  const client = new QueryClient();
  const me = { name: "ada", role, kind: "session", expires_at: null } as const;
  client.setQueryData(sessionQuery.queryKey, { me, setup_needed: false });
  render(
    <QueryClientProvider client={client}>
      <Tooltip.Provider>{what}</Tooltip.Provider>
    </QueryClientProvider>,
  );
}

beforeAll(setUpLanguage);
afterEach(cleanup);

test("a button that cannot be used stays reachable, says why, and does nothing", () => {
  const click = vi.fn();
  shown(
    <Button why="It has ended." onClick={click}>
      Stop
    </Button>,
  );
  const button = screen.getByRole("button", { name: "Stop", description: "It has ended." });
  fireEvent.click(button);
  expect(button.getAttribute("aria-disabled")).toBe("true");
  expect(button.hasAttribute("disabled")).toBe(false);
  expect(click).not.toHaveBeenCalled();
});

test("nothing happens before the question is answered; a failure is told in place, a second try goes through", async () => {
  const act = vi.fn().mockRejectedValueOnce(unreachable()).mockResolvedValueOnce(undefined);
  const done = vi.fn();
  shown(
    <Confirm button={{ children: "Stop" }} title="Stop train?" verb="Stop it" act={act} onDone={done}>
      <p>It ends.</p>
    </Confirm>,
  );
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect(act).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole("button", { name: "Stop it" }));
  expect((await screen.findByRole("alert")).textContent).toContain("The master does not answer");
  fireEvent.click(screen.getByRole("button", { name: "Stop it" }));
  await waitFor(() => expect(done).toHaveBeenCalledOnce());
  expect(screen.queryByRole("alertdialog")).toBeNull();
});

test("who thinks better of it is back where they were", async () => {
  shown(
    <Confirm button={{ children: "Stop" }} title="Stop train?" verb="Stop it" act={() => Promise.resolve()}>
      <p>It ends.</p>
    </Confirm>,
  );
  const button = screen.getByRole("button", { name: "Stop" });
  button.focus();
  fireEvent.click(button);
  fireEvent.click(await screen.findByRole("button", { name: "Cancel" }));
  await waitFor(() => expect(document.activeElement).toBe(button));
});

test("a viewer is told why, and asked nothing", () => {
  shown(
    <Confirm button={{ children: "Stop" }} title="Stop train?" verb="Stop it" act={() => Promise.resolve()}>
      <p>It ends.</p>
    </Confirm>,
    "viewer",
  );
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect(screen.queryByRole("alertdialog")).toBeNull();
});

test("Terraform's lines are coloured by their own words", () => {
  const lines = [
    "Error: quota",
    "Apply complete! Resources: 1 added",
    "x: Destroying...",
    "x: Creating...",
    "Refreshing",
  ];
  expect(lines.map((line) => kindOf(line, "info"))).toEqual(["error", "done", "remove", "add", "plain"]);
  expect(kindOf("deprecated", "warn")).toBe("warn");
});

test("an error that is no problem of the API still has words", () => {
  expect(new ProblemError({ ...unreachable().problem, detail: "" }).message).toBe("The master does not answer");
});
