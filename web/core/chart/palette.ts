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
  private readonly looks = new Map<string, number>();

  /** The look of an entity; `key` is the value of the splitting column or the measure's name. */
  of(key: string, other = false): Look {
    if (other) return { hue: 0, pattern: 'solid' };
    let nr = this.looks.get(key);
    if (nr === undefined) {
      nr = this.looks.size;
      this.looks.set(key, nr);
    }
    return { hue: (nr % HUES) + 1, pattern: patterns[Math.floor(nr / HUES) % patterns.length] ?? 'solid' };
  }
}
