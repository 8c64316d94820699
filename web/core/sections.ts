// A dashboard's tiles by tab and by section: a section heads what lies below it, down to the next.
import type { Report, Tile } from './report';

export interface Section {
  /** undefined: what lies above the first section. */
  head: Tile | undefined;
  tiles: Tile[];
  /** The row of the grid at which its tiles begin. */
  top: number;
}

/** The tab of a tile: its own, or the first when it names none that there is. */
export function tabOf(report: Pick<Report, 'tabs'>, tile: Pick<Tile, 'tab'>): string {
  return report.tabs.some((tab) => tab.id === tile.tab) ? tile.tab : (report.tabs[0]?.id ?? '');
}

export function sectionsOf(report: Report, tab: string): Section[] {
  const sections: Section[] = [];
  for (const tile of report.tiles) {
    if (tabOf(report, tile) !== tab) continue;
    if (tile.kind === 'section') sections.push({ head: tile, tiles: [], top: tile.y + tile.h });
    else {
      let last = sections.at(-1);
      if (!last) sections.push((last = { head: undefined, tiles: [], top: tile.y }));
      last.tiles.push(tile);
    }
  }
  for (const section of sections) if (section.tiles.length) section.top = Math.min(...section.tiles.map((tile) => tile.y));
  return sections;
}
