/** Has a snapshot read back from the stream, chunk by chunk. Who does not wait for the end hangs up. */
import { ask } from "@/api/call";
import { ProblemError } from "@/api/problem";
import type { Problem, Progress, VerificationReport } from "@/api/schema";
import { SseParser } from "@/live/sse";

/** Return what was found; throw ProblemError, also where the answer breaks off. */
export async function verifySnapshot(
  name: string,
  sequence: number,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<VerificationReport> {
  const path = `/workloads/${encodeURIComponent(name)}/snapshots/${sequence}/verification`;
  const answer = await ask(path, { signal });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new SseParser();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) throw brokenOff();
    for (const event of parser.feed(piece.value)) {
      if (event.name === "progress") onProgress(JSON.parse(event.data) as Progress);
      if (event.name === "problem") throw new ProblemError(JSON.parse(event.data) as Problem);
      if (event.name === "result") return JSON.parse(event.data) as VerificationReport;
    }
  }
}

const brokenOff = (): ProblemError =>
  new ProblemError({
    type: "about:blank",
    title: "The answer broke off",
    status: 0,
    detail: "The master ended before everything was read back.",
    next_step: "Try again.",
  });
