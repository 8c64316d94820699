// How the engine will answer, as a tree that a person can read. What the server sends is of unknown
// shape until it is read here.

export interface Step {
  /** In plain words, as the server has them (src/serve/plan.c). */
  name: string;
  /** The engine's own. */
  detail: string;
  /** Rows that it is expected to give. */
  rows: number | null;
  /** Part of the largest step's rows, 0 to 1. */
  share: number;
  /** Why it may be slow; '' when it is not. */
  heavy: string;
  children: Step[];
}

const MANY = 100_000;

function readStep(value: unknown, depth: number): Step | undefined {
  if (typeof value !== 'object' || value === null || depth > 200) return undefined;
  const { name, detail, rows, children } = value as Record<string, unknown>;
  return {
    name: typeof name === 'string' ? name.trim() : '',
    detail: typeof detail === 'string' ? detail.trim() : '',
    rows: typeof rows === 'number' && Number.isFinite(rows) ? rows : null,
    share: 0,
    heavy: '',
    children: (Array.isArray(children) ? children : []).flatMap((child: unknown) => readStep(child, depth + 1) ?? []),
  };
}

function* all(step: Step): Generator<Step> {
  yield step;
  for (const child of step.children) yield* all(child);
}

export function readPlan(value: unknown): Step | undefined {
  const root = readStep(value, 0);
  if (!root) return undefined;
  const steps = [...all(root)];
  const most = Math.max(1, ...steps.map((step) => step.rows ?? 0));
  for (const step of steps) {
    step.share = (step.rows ?? 0) / most;
    const inside = Math.max(0, ...step.children.map((child) => child.rows ?? 0));
    if (/all pairs/.test(step.name) && /^Combine/.test(step.name)) step.heavy = 'It makes a pair of every two rows: is a join condition missing?';
    else if (/all pairs/.test(step.name)) step.heavy = 'It tries every pair of rows: a condition with = would be fast.';
    else if (/^Join/.test(step.name) && (step.rows ?? 0) > MANY && (step.rows ?? 0) > 4 * inside) step.heavy = 'It gives many more rows than it gets: is the join key unique on one side?';
    else if ((step.rows ?? 0) >= MANY && step.share >= 0.5 && /^(?:Read table|Window|Sort|Group|Join)/.test(step.name)) step.heavy = 'Most rows go through here: a condition on time, or fewer groups, makes it smaller.';
  }
  return root;
}

/** The steps that are heavy, outermost first. */
export function heavySteps(root: Step): Step[] {
  return [...all(root)].filter((step) => step.heavy);
}
