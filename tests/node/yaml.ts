// The part of YAML that docs/openapi.yaml is written in: block mappings and sequences, flow
// collections on one line, quoted and plain scalars, folded text. Anything else is an error.
export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

function scalar(text: string): Yaml {
  if (/^'.*'$/s.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  if (/^".*"$/s.test(text)) return JSON.parse(text) as string;
  if (text === '' || text === 'null') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^[&*!|%@`]/.test(text)) throw new Error(`YAML that this reader does not know: ${text}`);
  return text;
}

class Flow {
  private at = 0;
  constructor(private readonly text: string) {}

  whole(): Yaml {
    const value = this.value(false);
    if (this.at !== this.text.length) throw new Error(`what is this: ${this.text.slice(this.at)}`);
    return value;
  }

  private blanks(): void {
    while (this.text[this.at] === ' ') this.at++;
  }

  private value(inside: boolean): Yaml {
    this.blanks();
    const first = this.text[this.at];
    if (first === '{') return this.mapping();
    if (first === '[') return this.sequence();
    const pattern =
      first === "'" ? /'(?:[^']|'')*'/y : first === '"' ? /"(?:[^"\\]|\\.)*"/y : inside ? /[^,\]}:]*(?::(?! )[^,\]}:]*)*/y : /.*/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) throw new Error(`an open quote: ${this.text}`);
    this.at += found.length;
    const value = scalar(found.trim());
    this.blanks();
    return value;
  }

  private take(mark: string): boolean {
    this.blanks();
    if (this.text[this.at] !== mark) return false;
    this.at++;
    this.blanks();
    return true;
  }

  private mapping(): Yaml {
    const out: { [key: string]: Yaml } = {};
    this.take('{');
    while (!this.take('}')) {
      const key = this.value(true);
      if (!this.take(':')) throw new Error(`no colon: ${this.text}`);
      out[String(key)] = this.value(true);
      if (!this.take(',') && this.text[this.at] !== '}') throw new Error(`no comma: ${this.text}`);
    }
    return out;
  }

  private sequence(): Yaml {
    const out: Yaml[] = [];
    this.take('[');
    while (!this.take(']')) {
      out.push(this.value(true));
      if (!this.take(',') && this.text[this.at] !== ']') throw new Error(`no comma: ${this.text}`);
    }
    return out;
  }
}

interface Line {
  indent: number;
  text: string;
}

const keyed = /^('(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s:'"{[][^:]*):(?: (.*))?$/s;

class Block {
  private at = 0;
  constructor(private readonly lines: Line[]) {}

  node(indent: number): Yaml {
    const line = this.lines[this.at];
    if (!line || line.indent < indent) return null;
    if (line.text.startsWith('- ')) return this.sequence(line.indent);
    if (keyed.test(line.text)) return this.mapping(line.indent);
    this.at++;
    return new Flow(line.text).whole();
  }

  private sequence(indent: number): Yaml {
    const out: Yaml[] = [];
    for (let line = this.lines[this.at]; line?.indent === indent && line.text.startsWith('- '); line = this.lines[this.at]) {
      this.lines[this.at] = { indent: indent + 2, text: line.text.slice(2).trimStart() };
      out.push(this.node(indent + 2));
    }
    return out;
  }

  private folded(indent: number): string {
    const words: string[] = [];
    for (let line = this.lines[this.at]; line && line.indent > indent; line = this.lines[++this.at]) words.push(line.text);
    return words.join(' ');
  }

  private mapping(indent: number): Yaml {
    const out: { [key: string]: Yaml } = {};
    for (let line = this.lines[this.at]; line?.indent === indent; line = this.lines[this.at]) {
      const [, key = '', rest = ''] = keyed.exec(line.text) ?? [];
      if (!key) throw new Error(`no key: ${line.text}`);
      const name = String(scalar(key));
      if (name in out) throw new Error(`twice: ${name}`);
      this.at++;
      if (rest === '>') out[name] = this.folded(indent);
      else out[name] = rest ? new Flow(rest).whole() : this.node(indent + 1);
    }
    return out;
  }

  whole(): Yaml {
    const value = this.node(0);
    const left = this.lines[this.at];
    if (left) throw new Error(`not understood: ${left.text}`);
    return value;
  }
}

export function parseYaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }))
    .filter((line) => line.text && !line.text.startsWith('#'));
  return new Block(lines).whole();
}
