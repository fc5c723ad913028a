import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Tooltip } from "radix-ui";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { onRefused } from "@/api/call";
import { ProblemError } from "@/api/problem";
import { leave, sessionQuery } from "@/api/session";
import { router } from "@/app/router";
import { setUpLanguage } from "@/i18n/setup";
import "@/style/index.css";

const RETRIES = 3;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // A refusal is an answer; only a master that does not answer is asked again.
      retry: (count, error) => count < RETRIES && error instanceof ProblemError && error.problem.status === 0,
    },
  },
});

onRefused(() => leave(client, true));
void client.prefetchQuery(sessionQuery); // asked while the words and the page's own file come

await setUpLanguage();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Tooltip.Provider>
          <RouterProvider router={router} />
        </Tooltip.Provider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
