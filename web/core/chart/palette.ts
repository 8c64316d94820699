// Colours of series. The same entity has the same colour on the whole page (rugby is rugby
// everywhere), so a page makes one Palette and all its charts ask it.

/** Names of the tokens --series-1 … --series-8 in web/styles; colour-blind safe in this order. */
export const HUES = 8;
/** Beyond the hues, a dash or a hatch tells series of one hue apart. */
export type Pattern = 'solid' | 'dashed' | 'dotted';
const patterns: readonly Pattern[] = ['solid', 'dashed', 'dotted'];

export interface Look {
  /** 1…8; 0: the grey of "Other" and of what is compared with. */
  hue: number;
  pattern: Pattern;
}

export class Palette {
  private readonly domains = new Map<string, Map<string, number>>();

  /** The look of a value of the column `domain`. */
  of(domain: string, key: string): Look {
    let known = this.domains.get(domain);
    if (!known) {
      known = new Map();
      this.domains.set(domain, known);
    }
    let nr = known.get(key);
    if (nr === undefined) {
      nr = known.size;
      known.set(key, nr);
    }
    return lookAt(nr);
  }
}

/** The look of the nth of a few things that have no entity: the measures of one chart. */
export function lookAt(nr: number): Look {
  return { hue: (nr % HUES) + 1, pattern: patterns[Math.floor(nr / HUES) % patterns.length] ?? 'solid' };
}

export const OTHERS: Look = { hue: 0, pattern: 'solid' };
