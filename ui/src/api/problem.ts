import type { Problem } from "@/api/schema";

/** A request that failed, as the API's problem: what is wrong, and what to do next. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

/** The master understood and said no: asking the same again brings the same answer. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof ProblemError && error.problem.status >= 400 && error.problem.status < 500;

/** What is shown when the master does not answer at all. */
export function unreachable(): ProblemError {
  return new ProblemError({
    type: "urn:kyc:problem:unreachable",
    title: "The master does not answer",
    status: 0,
    detail: "The master does not answer.",
    next_step: "Look whether it runs with `kyc ps`, and start it with `kyc up`. This page goes on by itself.",
  });
}

/** Return the problem that a failed answer tells of, whatever its body is. */
export async function problemOf(answer: Response): Promise<ProblemError> {
  const told: unknown = await answer.json().catch(() => null);
  if (isProblem(told)) return new ProblemError(told);
  return new ProblemError({
    type: "about:blank",
    title: answer.statusText || `Status ${answer.status}`,
    status: answer.status,
    detail: `The master answered with status ${answer.status}.`,
    next_step: "",
  });
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "title" in value && "status" in value && "detail" in value;
}
