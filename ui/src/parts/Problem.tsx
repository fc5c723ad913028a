/** A failure as the API tells it: what is wrong, and what to do next. */
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ProblemError } from "@/api/problem";

export function ProblemNote({ error, action }: { readonly error: unknown; readonly action?: ReactNode }) {
  const { title, detail, next } = wordsOf(error);
  return (
    <div className="problem" role="alert">
      <CircleAlert size={16} aria-hidden />
      <div className="problem-text">
        <strong>{title}</strong>
        {detail && detail !== title ? <p>{withCode(detail)}</p> : null}
        {next ? <p className="problem-next">{withCode(next)}</p> : null}
      </div>
      {action}
    </div>
  );
}

export function wordsOf(error: unknown): { title: string; detail: string; next: string } {
  if (error instanceof ProblemError) {
    const { title, detail, next_step: next } = error.problem;
    return { title, detail, next: next ?? "" };
  }
  return { title: error instanceof Error ? error.message : String(error), detail: "", next: "" };
}

/** What stands in `backticks` is a command or a file. */
export function withCode(text: string): ReactNode {
  const pieces = text.split("`").map((piece, place) => ({ key: `${place}`, piece, isCode: place % 2 === 1 }));
  return pieces.map(({ key, piece, isCode }) => (isCode ? <code key={key}>{piece}</code> : piece));
}
