// The editor's completion: what core/complete.ts says may stand there, as CodeMirror wants it.
import { type Completion, type CompletionContext, type CompletionResult, type CompletionSource, snippetCompletion } from '@codemirror/autocomplete';
import { keywordCompletionSource } from '@codemirror/lang-sql';
import { type CatalogTable, quote } from '../../core/catalog';
import { contextAt, joinsFor, tablesAt } from '../../core/complete';
import { functions } from '../../core/functions';
import type { Parameter } from '../../core/report';
import { duckdb } from './editor-look';

interface NamedTable extends Omit<CatalogTable, 'columns'> {
  columns: readonly { name: string; engine_type?: string }[];
}
interface Document {
  name: string;
  description?: string;
}

export interface Names {
  tables: readonly NamedTable[];
  views: readonly Document[];
  snippets: readonly Document[];
  definitions: readonly Document[];
  parameters: readonly Pick<Parameter, 'name' | 'type'>[];
  /** All that the engine lets a query call. */
  functions: readonly EngineFunction[];
}
interface EngineFunction {
  name: string;
  arguments: string;
  about: string;
  table: boolean;
}
export const noNames: Names = { tables: [], views: [], snippets: [], definitions: [], parameters: [], functions: [] };

const calls: readonly Completion[] = functions.map(([call, info]) => {
  const name = call.replace(/\(.*/, '');
  const inside = /\((.*)\)/.exec(call)?.[1];
  const detail = inside === undefined ? info : `(${inside})  ${info}`;
  if (!inside || inside === '*') return { label: name, detail, type: 'function', apply: call, boost: 1 };
  return snippetCompletion(`${name}(\${})`, { label: name, detail, type: 'function', boost: 1 });
});
const told = new Set(calls.map(({ label }) => label));
const called = ({ name, arguments: inside, about }: EngineFunction): Completion => snippetCompletion(`${name}(\${})`, { label: name, detail: `(${inside})`, type: 'function', ...(about ? { info: about } : {}) });
/** Of the engine's, those that are not among the ones with words of our own. */
const otherCalls = (all: readonly EngineFunction[]): Completion[] => all.filter(({ name, table }) => !table && !told.has(name)).map(called);

/** Whole statements that analysts write again and again. */
const patterns: readonly Completion[] = [
  snippetCompletion('with ${name} as (\n  select ${columns}\n  from ${table}\n)\nselect *\nfrom ${name}', { label: 'with … as', detail: 'a named part', type: 'text' }),
  snippetCompletion('case when ${condition} then ${value} else ${other} end', { label: 'case when', detail: 'a choice', type: 'text' }),
  snippetCompletion('qualify row_number() over (partition by ${key} order by ${time} desc) = 1', { label: 'qualify latest', detail: 'the latest row of each key', type: 'text' }),
  snippetCompletion('{% if ${name} %}\n${}\n{% endif %}', { label: '{% if', detail: 'only when a parameter is set', type: 'text' }),
  snippetCompletion('{% form %}\n${name}:\n  type: ${text}\n{% endform %}', { label: '{% form', detail: 'declares parameters', type: 'text' }),
];

const tags: readonly Completion[] = ['form', 'endform', 'if', 'elsif', 'else', 'endif', 'unless', 'endunless', 'comment', 'endcomment', 'raw', 'endraw'].map((label) => ({ label, type: 'keyword', apply: closed(`${label}${/^(?:if|elsif|unless)$/.test(label) ? ' ' : ''}`, '%}') }));
const grains: readonly Completion[] = ['date', 'day', 'week', 'month', 'quarter', 'year', 'hour', 'aggregation', 'ytd', 'mtd', 'today', 'yesterday', '7days', '$', '%'].map((label) => ({ label, type: 'keyword' }));

/** Puts the text there, with the end of its brackets when that is missing. */
function closed(text: string, end: string): NonNullable<Completion['apply']> {
  return (view, _, from, to) => {
    const there = new RegExp(`^\\s*${end.replace(/[^\w]/g, '\\$&')}`).test(view.state.sliceDoc(to, to + 20));
    const insert = `${view.state.sliceDoc(from - 1, from) === ' ' || end === ']' ? '' : ' '}${text}${there ? '' : end === ']' ? end : ` ${end}`}`;
    view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length } });
  };
}

const tableName = (table: CatalogTable): string => `${quote(table.schema)}.${quote(table.name)}`;
const rowsOf = (table: CatalogTable): string => (table.rows === null ? 'view' : `${table.rows} rows`);
const asColumns = (table: NamedTable, detail?: string, boost = 0): Completion[] =>
  table.columns.map((column) => ({ label: column.name, type: 'property', detail: detail ?? column.engine_type?.toLowerCase() ?? '', apply: quote(column.name), boost }));
const document = (kind: string, end: string) => ({ name, description }: Document): Completion => ({ label: name, type: 'class', detail: kind, ...(description ? { info: description } : {}), apply: closed(name, end) });

function optionsFor(text: string, place: number, names: Names): { from: number; options: Completion[]; words: boolean } | undefined {
  const context = contextAt(text, place);
  if (!context) return undefined;
  const { wanted, from, of = '' } = context;
  const { tables, views, snippets, definitions } = names;
  const give = (options: readonly Completion[], words = false) => ({ from, options: [...options], words });
  const parameters = (end: string): Completion[] => names.parameters.map(({ name, type }) => ({ label: name, type: 'variable', detail: type, apply: closed(name, end), boost: 5 }));
  switch (wanted) {
    case 'parameter':
      return give([...parameters('}}'), ...definitions.map((one) => ({ ...document('definition', '}}')(one), label: `@${one.name}`, apply: closed(`@${one.name}`, '}}') }))]);
    case 'definition':
      return give(definitions.map((one): Completion => ({ ...document('definition', '}}')(one), apply: one.name })));
    case 'tag':
      return give(tags);
    case 'filter':
      return give([...parameters(']'), { label: 'daterange', type: 'variable', apply: closed('daterange', ']') }]);
    case 'grain':
      return give(grains);
    case 'bracket':
      return give([...views.map(document('view', ']')), ...snippets.map(document('snippet', ']')), ...parameters(']'), ...['daterange_start', 'daterange_end', 'aggregation'].map((label): Completion => ({ label, type: 'variable', apply: closed(label, ']') }))], true);
    case 'member': {
      const alias = tablesAt(text, place, tables).find((one) => one.alias.toLowerCase() === of.toLowerCase())?.table ?? tables.find((table) => table.name.toLowerCase() === of.toLowerCase());
      if (alias) return give(asColumns(alias));
      return give(tables.filter((table) => table.schema.toLowerCase() === of.toLowerCase()).map((table) => ({ label: table.name, type: 'class', detail: rowsOf(table), apply: quote(table.name) })));
    }
    case 'table':
    case 'join': {
      const all: Completion[] = tables.map((table) => ({ label: `${table.schema}.${table.name}`, type: 'class', detail: rowsOf(table), apply: tableName(table), boost: 5 }));
      const read = tablesAt(text, place, tables);
      if (wanted === 'join') all.push(...joinsFor(read, tables).map(({ table, on }): Completion => ({ label: `${table} ${on}`, type: 'class', detail: 'join', boost: 9 })));
      return give([...all, ...views.map((one): Completion => ({ label: `[${one.name}]`, type: 'class', detail: 'view', apply: `[${one.name}]`, boost: 4 })), ...definitions.map((one): Completion => ({ label: `{{ @${one.name} }}`, type: 'class', detail: 'definition', boost: 3 })), ...names.functions.filter(({ table }) => table).map(called)]);
    }
    case 'word': {
      const read = tablesAt(text, place, tables);
      const columns = new Map<string, Completion>();
      for (const { table, alias } of read) for (const column of asColumns(table, alias, 3)) columns.set(column.label, column);
      const aliases = read.filter(({ table, alias }) => alias !== table.name).map(({ table, alias }): Completion => ({ label: alias, type: 'variable', detail: table.name, boost: 2 }));
      const all = tables.map((table): Completion => ({ label: `${table.schema}.${table.name}`, type: 'class', detail: rowsOf(table), apply: tableName(table), boost: -1 }));
      const taken = snippets.map((one): Completion => ({ label: one.name, type: 'text', detail: 'snippet', ...(one.description ? { info: one.description } : {}), apply: `[${one.name}]` }));
      return give([...columns.values(), ...aliases, ...calls, ...otherCalls(names.functions), ...all, ...taken, ...patterns], true);
    }
  }
}

export function completions(names: () => Names): CompletionSource[] {
  const keywords = keywordCompletionSource(duckdb);
  const own = (context: CompletionContext): CompletionResult | null => {
    const found = optionsFor(context.state.doc.toString(), context.pos, names());
    if (!found || (found.words && found.from === context.pos && !context.explicit)) return null;
    return { from: found.from, options: found.options, validFor: /^[\p{L}\p{N}_]*$/u };
  };
  const words = (context: CompletionContext): ReturnType<CompletionSource> => (contextAt(context.state.doc.toString(), context.pos)?.wanted === 'word' ? keywords(context) : null);
  return [own, words];
}
