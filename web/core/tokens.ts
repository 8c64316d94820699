// SQL in colours, for reading: the same kinds that the editor shows.
import { pieces } from './sql';

export interface Token {
  kind: 'keyword' | 'text' | 'number' | 'comment' | 'value' | 'plain';
  text: string;
}

const keywords = new Set(
  'all and anti any as asc asof between by case cast cross cube current day delete desc describe distinct else end except exclude exists explain extract false fetch filter following for from full group grouping having ilike in inner interval intersect into is join lateral left like limit natural not null nulls offset on or order outer over partition pivot positional preceding qualify range recursive replace right rollup row rows sample select semi sets similar summarize table then timestamp true try_cast unbounded union unnest unpivot using values view when where window with within'.split(' '),
);

export function tokens(sql: string): Token[] {
  const out: Token[] = [];
  let at = 0;
  const put = (kind: Token['kind'], text: string): void => {
    const last = out.at(-1);
    if (!text) return;
    if (last?.kind === kind) last.text += text;
    else out.push({ kind, text });
  };
  const all = [...pieces(sql)];
  for (let i = 0; i < all.length; i++) {
    const piece = all[i];
    if (!piece || piece.from < at) continue;
    put('plain', sql.slice(at, piece.from));
    at = piece.to;
    const text = sql.slice(piece.from, piece.to);
    const next = all[i + 1];
    if (text === '$' && next?.from === piece.to && next.kind !== 'sign') {
      at = next.to;
      put('value', sql.slice(piece.from, at));
    } else if (piece.kind === 'word') put(keywords.has(text.toLowerCase()) ? 'keyword' : 'plain', text);
    else if (piece.kind === 'text' || piece.kind === 'comment') put(piece.kind, text);
    else if (piece.kind === 'block') put('comment', text);
    else if (/\d/.test(text)) put('number', text);
    else put('plain', text);
  }
  put('plain', sql.slice(at));
  return out;
}
