// The Markdown of text tiles, as data: headings, paragraphs, lists, emphasis, code, links. What it
// does not know stays text. Nothing here becomes HTML by itself; a component makes elements of it.

export type Inline = { kind: 'text' | 'strong' | 'em' | 'code'; text: string } | { kind: 'link'; text: string; href: string };
export type Block =
  | { kind: 'heading'; level: 1 | 2 | 3; inline: Inline[] }
  | { kind: 'paragraph' | 'quote'; inline: Inline[] }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'code'; text: string }
  | { kind: 'rule' };

const INLINE = /(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1|(\*|\b_)(?=\S)(.{1,300}?)(?<=\S)(?:\*|_\b)|`([^`]{1,300})`|\[([^\]]{0,300})\]\(([^()\s]{1,2000})\)/;

/** Addresses that a link may lead to; anything else is shown as text. */
function safe(href: string): boolean {
  return /^(https?:\/\/|mailto:|\/(?!\/)|#)/i.test(href);
}

export function inline(text: string): Inline[] {
  const out: Inline[] = [];
  let rest = text;
  while (rest) {
    const found = INLINE.exec(rest);
    if (!found) break;
    if (found.index) out.push({ kind: 'text', text: rest.slice(0, found.index) });
    const [whole, , strong, , em, code, label, href] = found;
    if (strong !== undefined) out.push({ kind: 'strong', text: strong });
    else if (em !== undefined) out.push({ kind: 'em', text: em });
    else if (code !== undefined) out.push({ kind: 'code', text: code });
    else if (href !== undefined && safe(href)) out.push({ kind: 'link', text: label || href, href });
    else out.push({ kind: 'text', text: whole });
    rest = rest.slice(found.index + whole.length);
  }
  if (rest) out.push({ kind: 'text', text: rest });
  return out;
}

const ITEM = /^\s{0,3}([-*+]|\d{1,9}[.)])\s+(.*)$/;

export function markdown(source: string): Block[] {
  const lines = source.replaceAll('\r\n', '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  const starts = (line: string): boolean => /^(#{1,6}\s|```|>|\s*$|(-{3,}|\*{3,})\s*$)/.test(line) || ITEM.test(line);
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    const item = ITEM.exec(line);
    if (!line.trim()) at++;
    else if (line.startsWith('```')) {
      const end = lines.findIndex((l, i) => i > at && l.startsWith('```'));
      const stop = end < 0 ? lines.length : end;
      blocks.push({ kind: 'code', text: lines.slice(at + 1, stop).join('\n') });
      at = stop + 1;
    } else if (heading) {
      const level = Math.min(3, heading[1]?.length ?? 1) as 1 | 2 | 3;
      blocks.push({ kind: 'heading', level, inline: inline(heading[2] ?? '') });
      at++;
    } else if (/^(-{3,}|\*{3,})\s*$/.test(line)) {
      blocks.push({ kind: 'rule' });
      at++;
    } else if (item) {
      const ordered = /\d/.test(item[1] ?? '');
      const items: string[] = [];
      for (; at < lines.length; at++) {
        const next = ITEM.exec(lines[at] ?? '');
        if (next) items.push(next[2] ?? '');
        else if (items.length && /^\s+\S/.test(lines[at] ?? '')) items[items.length - 1] += ` ${(lines[at] ?? '').trim()}`;
        else break;
      }
      blocks.push({ kind: 'list', ordered, items: items.map(inline) });
    } else {
      const quote = line.startsWith('>');
      const parts: string[] = [];
      do {
        parts.push((lines[at] ?? '').replace(/^>\s?/, '').trim());
        at++;
      } while (at < lines.length && (quote ? (lines[at] ?? '').startsWith('>') : !starts(lines[at] ?? '')));
      blocks.push({ kind: quote ? 'quote' : 'paragraph', inline: inline(parts.join(' ')) });
    }
  }
  return blocks;
}
