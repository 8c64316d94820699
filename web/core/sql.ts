// Just enough of SQL's words to find statements and the tables that they name. Not a parser: what
// runs is the engine's business.

export interface Piece {
  /** block: a form or a comment of a template, from its first tag to its last. */
  kind: 'word' | 'quoted' | 'text' | 'comment' | 'sign' | 'block';
  from: number;
  to: number;
}

/** The end of a quoted piece that begins at `from`; a doubled quote stands for itself. */
function quotedEnd(sql: string, from: number, quote: string): number {
  for (let at = from + 1; at < sql.length; at++) {
    if (sql[at] !== quote) continue;
    if (sql[at + 1] !== quote) return at + 1;
    at++;
  }
  return sql.length;
}

function until(sql: string, mark: string, from: number): number {
  const at = sql.indexOf(mark, from);
  return at < 0 ? sql.length : at + mark.length;
}

export function* pieces(sql: string): Generator<Piece> {
  const block = /\{%\s*(form|comment|raw)\s*%\}[^]*?(?:\{%\s*end\1\s*%\}|$)/y;
  const word = /[\p{L}_][\p{L}\p{N}_$]*/uy;
  const dollar = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
  for (let at = 0; at < sql.length; ) {
    const from = at;
    const sign = sql[at] ?? '';
    word.lastIndex = dollar.lastIndex = block.lastIndex = at;
    let kind: Piece['kind'] = 'sign';
    if (/\s/.test(sign)) {
      at++;
      continue;
    } else if (sign === '-' && sql[at + 1] === '-') {
      kind = 'comment';
      at = until(sql, '\n', at);
    } else if (sign === '/' && sql[at + 1] === '*') {
      kind = 'comment';
      at = until(sql, '*/', at + 2);
    } else if (sign === '{' && block.test(sql)) {
      kind = 'block';
      at = block.lastIndex;
    } else if (sign === "'") {
      kind = 'text';
      at = quotedEnd(sql, at, sign);
    } else if (sign === '"') {
      kind = 'quoted';
      at = quotedEnd(sql, at, sign);
    } else if (sign === '$' && dollar.test(sql)) {
      kind = 'text';
      at = until(sql, sql.slice(from, dollar.lastIndex), dollar.lastIndex);
    } else if (word.test(sql)) {
      kind = 'word';
      at = word.lastIndex;
    } else {
      at++;
    }
    yield { kind, from, to: at };
  }
}

export interface Statement {
  from: number;
  to: number;
  sql: string;
}

/** The statements of a text, without the semicolons; comments alone are none. */
export function statements(sql: string): Statement[] {
  const found: Statement[] = [];
  let from = -1;
  let to = -1;
  const end = (): void => {
    if (from >= 0) found.push({ from, to, sql: sql.slice(from, to) });
    from = -1;
  };
  for (const piece of pieces(sql)) {
    if (piece.kind === 'sign' && sql[piece.from] === ';') {
      end();
    } else if (piece.kind !== 'comment' && piece.kind !== 'block') {
      if (from < 0) from = piece.from;
      to = piece.to;
    }
  }
  end();
  return found;
}

/** The statement at a place in the text: the one around it, else the one before, else the next. */
export function statementAt(sql: string, place: number): Statement | undefined {
  const all = statements(sql);
  return all.find((s) => place >= s.from && place <= s.to) ?? all.filter((s) => s.to < place).at(-1) ?? all[0];
}

/** A name as written: quotes taken off, what is not quoted in small letters. */
function nameOf(sql: string, piece: Piece): string {
  const text = sql.slice(piece.from, piece.to);
  return piece.kind === 'quoted' ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();
}

/** The tables that stand after FROM, JOIN and commas of a FROM: as written, dotted. */
export function tablesOf(sql: string): string[] {
  const found = new Set<string>();
  const all = [...pieces(sql)].filter((piece) => piece.kind !== 'comment' && piece.kind !== 'block');
  const sign = (at: number): string => {
    const piece = all[at];
    return piece?.kind === 'sign' ? (sql[piece.from] ?? '') : '';
  };
  for (const [i, piece] of all.entries()) {
    if (piece.kind !== 'word' || !/^(from|join)$/i.test(sql.slice(piece.from, piece.to))) continue;
    let at = i + 1;
    for (;;) {
      const parts: string[] = [];
      for (let one = all[at]; one && (one.kind === 'word' || one.kind === 'quoted'); one = all[at]) {
        parts.push(nameOf(sql, one));
        at++;
        if (sign(at) !== '.') break;
        at++;
      }
      if (parts.length && sign(at) !== '(') found.add(parts.join('.'));
      // An alias, and then perhaps another table.
      while (all[at]?.kind === 'word' && /^(as)$/i.test(sql.slice(all[at]?.from, all[at]?.to))) at++;
      if (all[at]?.kind === 'quoted' || (all[at]?.kind === 'word' && sign(at + 1) === ',')) at++;
      if (!parts.length || sign(at) !== ',') break;
      at++;
    }
  }
  return [...found];
}

/** The engine counts bytes of UTF-8, JavaScript counts halves of UTF-16. */
export function placeOfByte(sql: string, byte: number): number {
  let bytes = 0;
  let at = 0;
  for (const letter of sql) {
    if (bytes >= byte) break;
    const code = letter.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    at += letter.length;
  }
  return at;
}

/** What to underline for an error at a place: the word there, or one sign. */
export function wordAt(sql: string, place: number): { from: number; to: number } {
  const at = Math.max(0, Math.min(place, sql.length));
  for (const piece of pieces(sql)) {
    if (piece.to > at) return piece.from <= at ? { from: piece.from, to: piece.to } : { from: at, to: Math.min(sql.length, at + 1) };
  }
  return { from: Math.max(0, sql.length - 1), to: sql.length };
}
