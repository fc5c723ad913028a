/** Follows one stream of the master: resumes behind what was read last, and comes again after any break. */
import { ask } from "@/api/call";
import { ProblemError } from "@/api/problem";
import { SseParser } from "@/live/sse";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;
const SILENT_FOR_MS = 40_000; // the master shows life every 15 s
const FLUSH_EVERY_MS = 200;

export interface Followed<T> {
  readonly onRows: (rows: T[]) => void;
  readonly onState: (live: boolean) => void;
  readonly signal: AbortSignal;
}

/** Read rows until the signal ends it. Rows come in batches, so that a burst is one change of the page. */
export async function follow<T extends { readonly seq: number }>(
  path: string,
  after: number,
  { onRows, onState, signal }: Followed<T>,
): Promise<void> {
  let last = after;
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      for await (const rows of batches<T>(path, last, signal, () => onState(true))) {
        waitMs = FIRST_WAIT_MS;
        last = rows.at(-1)?.seq ?? last;
        onRows(rows);
      }
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 401) return;
    }
    if (signal.aborted) return;
    onState(false);
    await pause(waitMs, signal);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

async function* batches<T>(path: string, after: number, signal: AbortSignal, onOpen: () => void): AsyncGenerator<T[]> {
  const attempt = new AbortController();
  const end = () => attempt.abort();
  signal.addEventListener("abort", end);
  let watchdog = setTimeout(end, SILENT_FOR_MS);
  try {
    const answer = await ask(path, { signal: attempt.signal, headers: { "Last-Event-ID": String(after) } });
    if (!answer.body) return;
    onOpen();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new SseParser();
    let reading = reader.read();
    for (;;) {
      const rows: T[] = [];
      const first = await reading;
      if (first.done) return;
      rows.push(...parser.feed(first.value).map((event) => JSON.parse(event.data) as T));
      reading = reader.read();
      clearTimeout(watchdog);
      watchdog = setTimeout(end, SILENT_FOR_MS);
      if (rows.length > 0) {
        yield rows;
        await pause(FLUSH_EVERY_MS, signal); // meanwhile the browser gathers what comes
      }
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", end);
    attempt.abort();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
