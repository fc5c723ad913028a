/** Made-up recordings to try a what-if with, where one has none of one's own. The same each time. Pure. */
const DAY_S = 86_400;
const TICK_S = 600;
const STEP_S = 60;

/** Two weeks of a zone where spot comes for about eight hours at a time, and is away for about two. */
export function exampleSpot(): string {
  const chance = chances(7);
  let there = true;
  let marks = "";
  for (let tick = 0; tick < (14 * DAY_S) / TICK_S; tick += 1) {
    if (chance() < TICK_S / ((there ? 8 : 2) * 3600)) there = !there;
    marks += there ? "1" : "0";
  }
  return JSON.stringify({ zones: { example: { gap_seconds: TICK_S, avail: marks } } });
}

/** A day of requests: little at night, most in the afternoon, and two rushes of ten minutes. */
export function exampleRequests(): string {
  const chance = chances(11);
  const rows = Array.from({ length: DAY_S / STEP_S }, (_, minute) => {
    const wave = 1 - Math.cos((2 * Math.PI * minute * STEP_S) / DAY_S);
    const rush = [600, 1020].some((at) => minute >= at && minute < at + 10) ? 18 : 0;
    const perSecond = 1 + 6 * wave + rush;
    return `${minute * STEP_S},${Math.round(perSecond * STEP_S * (0.9 + 0.2 * chance()))}`;
  });
  return `t_seconds,requests\n${rows.join("\n")}\n`;
}

/** Numbers from 0 to 1 that look random (mulberry32). */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
