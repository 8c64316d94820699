// Finding by a few letters: "vst" finds video_started. Every letter of each word typed must occur in
// order; letters at the beginning of a word and letters in a row count for more.

export interface Hit {
  score: number;
  /** Where the letters were found, in order. */
  at: number[];
}

const START = 10; // the first letter of the text
const WORD = 8; // the first letter of a word in it
const RUN = 6; // right after the letter before
const GAP = 0.25; // for each letter skipped

function beginsWord(text: string, i: number): boolean {
  if (i === 0) return true;
  const before = text[i - 1] ?? '';
  const here = text[i] ?? '';
  return /[^\p{L}\p{N}]/u.test(before) || (/\p{Ll}/u.test(before) && /\p{Lu}/u.test(here)) || (/\p{L}/u.test(before) && /\p{N}/u.test(here));
}

/** The best way to find one word's letters: dynamic programming over (letter, place). */
function findWord(word: string, text: string, lower: string): Hit | undefined {
  let best: (Hit | undefined)[] = [];
  for (let k = 0; k < word.length; k++) {
    const next: (Hit | undefined)[] = new Array<Hit | undefined>(text.length).fill(undefined);
    let reach: Hit | undefined; // the best end of the letters before, lowered for each letter since
    for (let i = 0; i < text.length; i++) {
      if (k > 0 && reach) reach = { score: reach.score - GAP, at: reach.at };
      const previous = k > 0 ? best[i - 1] : undefined;
      if (previous && (!reach || previous.score > reach.score)) reach = previous;
      if (lower[i] !== word[k]) continue;
      const bonus = i === 0 ? START : beginsWord(text, i) ? WORD : 0;
      if (k === 0) next[i] = { score: 1 + bonus - Math.min(i, 20) * GAP * 0.2, at: [i] };
      else {
        const joined = previous ? previous.score + 1 + Math.max(RUN, bonus) : Number.NEGATIVE_INFINITY;
        const apart = reach ? reach.score + 1 + Math.min(bonus, RUN - 1) : Number.NEGATIVE_INFINITY;
        if (joined >= apart && previous) next[i] = { score: joined, at: [...previous.at, i] };
        else if (reach) next[i] = { score: apart, at: [...reach.at, i] };
      }
    }
    best = next;
  }
  let found: Hit | undefined;
  for (const hit of best) if (hit && (!found || hit.score > found.score)) found = hit;
  return found;
}

/** How well `query` finds `text`; undefined when it does not. Words may come in any order. */
export function fuzzy(query: string, text: string): Hit | undefined {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const cut = text.slice(0, 200);
  // A letter whose lower case is longer would move what follows.
  const lower = [...cut].length === cut.length && cut.toLowerCase().length === cut.length ? cut.toLowerCase() : cut;
  let score = 0;
  const at = new Set<number>();
  for (const word of words) {
    const hit = findWord(word, cut, lower);
    if (!hit) return undefined;
    score += hit.score;
    hit.at.forEach((i) => at.add(i));
  }
  // Of two that hold the letters equally well, the one with less besides.
  return { score: score - cut.length * 0.02, at: [...at].sort((a, b) => a - b) };
}

/** The items that fit, best first; equal ones keep their order. */
export function rank<T>(items: readonly T[], query: string, textOf: (item: T) => string, weight: (item: T) => number = () => 0): { item: T; hit: Hit }[] {
  const found: { item: T; hit: Hit; order: number; score: number }[] = [];
  items.forEach((item, order) => {
    const hit = fuzzy(query, textOf(item));
    if (hit) found.push({ item, hit, order, score: hit.score + weight(item) });
  });
  return found.sort((a, b) => b.score - a.score || a.order - b.order);
}

/** `text` in pieces, those that were found marked. */
export function pieces(text: string, at: readonly number[]): { text: string; found: boolean }[] {
  const out: { text: string; found: boolean }[] = [];
  const marks = new Set(at);
  for (let i = 0; i < text.length; i++) {
    const found = marks.has(i);
    const last = out.at(-1);
    if (last && last.found === found) last.text += text[i];
    else out.push({ text: text[i] ?? '', found });
  }
  return out;
}
