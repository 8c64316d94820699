// The SQL editor: CodeMirror, set up for the engine's SQL. Loaded when the page is there.
import { type CompletionContext, type CompletionResult, type Completion, acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, snippetCompletion } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { PostgreSQL, type SQLNamespace, SQLDialect, sql } from '@codemirror/lang-sql';
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, drawSelection, dropCursor, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers, placeholder, rectangularSelection } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { type CatalogTable, quote } from '../../core/catalog';
import { functions } from '../../core/functions';
import { statementAt, tablesOf, wordAt } from '../../core/sql';
import { styleNonce } from '../../core/trust';

const duckdb = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: `${PostgreSQL.spec.keywords ?? ''} anti asof columns describe exclude explain ilike lambda macro pivot positional qualify sample semi summarize try_cast unpivot using`,
  types: `${PostgreSQL.spec.types ?? ''} bigint blob bool double float hugeint int integer interval json list map real smallint struct text timestamp timestamptz tinyint ubigint uhugeint uinteger usmallint utinyint uuid varchar`,
  doubleQuotedStrings: false,
  identifierQuotes: '"',
  caseInsensitiveIdentifiers: true,
  operatorChars: '*+-%<>!=&|~^/?@:',
  specialVar: '',
});

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--surface)', color: 'var(--ink)', fontSize: 'var(--text-13)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--ink-soft)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 10px 0 12px', minWidth: '34px' },
  '.cm-gutter-lint': { width: '14px' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--hover) 55%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--hover)' },
  '.cm-searchMatch': { backgroundColor: 'var(--warn-soft)', outline: '1px solid var(--line-strong)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
  '.cm-placeholder': { color: 'var(--ink-soft)' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--line)', borderRadius: '8px', boxShadow: 'var(--shadow)', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '16em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--ink)' },
  '.cm-completionDetail': { color: 'var(--ink-soft)', fontStyle: 'normal', marginLeft: '1.5em' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600', color: 'var(--accent)' },
  '.cm-diagnostic': { padding: '8px 12px', whiteSpace: 'pre-wrap', maxWidth: '60ch' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--bad)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad)', textUnderlineOffset: '3px' },
  '.cm-lintPoint-error::after': { borderBottomColor: 'var(--bad)' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '6px 8px', fontSize: 'var(--text-13)' },
  '.cm-panel.cm-search label': { fontSize: 'var(--text-12)' },
  '.cm-panel.cm-search [name=close]': { fontSize: '18px', padding: '0 8px' },
  '.cm-textfield': { border: '1px solid var(--line-strong)', borderRadius: 'var(--radius)', backgroundColor: 'var(--surface)', fontSize: 'inherit' },
  '.cm-button': { border: '1px solid var(--line-strong)', borderRadius: 'var(--radius)', backgroundImage: 'none', backgroundColor: 'var(--surface)', fontSize: 'inherit' },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--warn)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--bad)' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: 'var(--ink-soft)', fontStyle: 'italic' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--good)' },
]);

export interface EditorHooks {
  /** What is to run: a selection, the statement at the cursor, or all. */
  run(what: { sql: string; from: number }[]): void;
  save(): void;
  format(): void;
  changed(text: string): void;
}

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  hooks: EditorHooks;
}

export interface SqlEditor {
  readonly view: EditorView;
  text(): string;
  /** Another text, with a history of its own. */
  open(text: string): void;
  replace(text: string): void;
  /** Puts text at the cursor (or at a place of the screen), in place of the selection. */
  insert(text: string, at?: { x: number; y: number }): void;
  catalog(tables: readonly (CatalogTable & { columns: readonly { name: string; engine_type?: string }[] })[]): void;
  underline(place: number, message: string): void;
  clear(): void;
  runAtCursor(): void;
  destroy(): void;
}

function spec(tables: readonly CatalogTable[]): SQLNamespace {
  const schemas: Record<string, Record<string, Completion[]>> = {};
  for (const table of tables) {
    (schemas[table.schema] ??= {})[table.name] = table.columns.map((column) => ({ label: column.name, type: 'property', detail: (column as { engine_type?: string }).engine_type?.toLowerCase() ?? '', apply: quote(column.name) }));
  }
  return schemas;
}

const calls: readonly Completion[] = functions.map(([call, info]) => {
  const name = call.replace(/\(.*/, '');
  const inside = /\((.*)\)/.exec(call)?.[1];
  const detail = inside === undefined ? info : `(${inside})  ${info}`;
  if (!inside || inside === '*') return { label: name, detail, type: 'function', apply: call };
  return snippetCompletion(`${name}(\${})`, { label: name, detail, type: 'function' });
});

/** Columns of the tables that the statement names, and functions. */
function completeNames(tables: () => readonly CatalogTable[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[\p{L}_][\p{L}\p{N}_]*/u);
    if (!word && !context.explicit) return null;
    if (context.matchBefore(/\.[\p{L}\p{N}_]*/u)) return null;
    if (context.tokenBefore(['LineComment', 'BlockComment', 'String'])) return null;
    const text = context.state.doc.toString();
    const named = tablesOf(statementAt(text, context.pos)?.sql ?? '');
    const found = new Map<string, Completion>();
    for (const table of tables()) {
      if (!named.includes(`${table.schema}.${table.name}`.toLowerCase()) && !named.includes(table.name.toLowerCase())) continue;
      for (const column of table.columns) found.set(column.name, { label: column.name, type: 'property', detail: table.name, apply: quote(column.name), boost: 2 });
    }
    const before = text.slice(Math.max(0, (word?.from ?? context.pos) - 40), word?.from ?? context.pos);
    const wantsTable = /\b(from|join)\s+$/i.test(before);
    const names = tables().filter((table) => wantsTable || word).map((table): Completion => ({ label: `${table.schema}.${table.name}`, type: 'class', apply: `${quote(table.schema)}.${quote(table.name)}`, boost: wantsTable ? 5 : -1 }));
    return { from: word?.from ?? context.pos, options: wantsTable ? names : [...found.values(), ...calls, ...names], validFor: /^[\p{L}\p{N}_]*$/u };
  };
}

export function createEditor({ parent, text, hooks }: EditorOptions): SqlEditor {
  const language = new Compartment();
  let known: readonly CatalogTable[] = [];
  const languageOf = () => {
    const support = sql({ dialect: duckdb, schema: spec(known), upperCaseKeywords: false });
    return [support, duckdb.language.data.of({ autocomplete: completeNames(() => known) })];
  };

  function atCursor(view: EditorView): void {
    const doc = view.state.doc.toString();
    const { from, to } = view.state.selection.main;
    if (from !== to) hooks.run([{ sql: doc.slice(from, to), from }]);
    else {
      const statement = statementAt(doc, from);
      if (statement) hooks.run([statement]);
    }
  }

  const extensions = [
    EditorView.cspNonce.of(styleNonce()),
    lineNumbers(),
    lintGutter(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    dropCursor(),
    EditorState.allowMultipleSelections.of(true),
    indentUnit.of('  '),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    rectangularSelection(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    search({ top: false }),
    autocompletion({ icons: false, activateOnTypingDelay: 60 }),
    placeholder('select …   —   Ctrl+Enter runs, Ctrl+Space completes'),
    Prec.highest(
      keymap.of([
        { key: 'Mod-Enter', run: (view) => (atCursor(view), true) },
        { key: 'Mod-s', run: () => (hooks.save(), true) },
        { key: 'Mod-Shift-f', run: () => (hooks.format(), true) },
        { key: 'Tab', run: acceptCompletion },
      ]),
    ),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap.filter((one) => one.key !== 'Mod-Enter'), ...searchKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
    language.of(languageOf()),
    look,
    syntaxHighlighting(colours),
    EditorView.contentAttributes.of({ 'aria-label': 'SQL', 'aria-describedby': 'editor-hint', spellcheck: 'false', autocapitalize: 'off', tabindex: '0' }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) hooks.changed(update.state.doc.toString());
    }),
  ];
  const view = new EditorView({ parent, state: EditorState.create({ doc: text, selection: { anchor: text.length }, extensions }) });

  return {
    view,
    text: () => view.state.doc.toString(),
    open(next) {
      view.setState(EditorState.create({ doc: next, selection: { anchor: next.length }, extensions }));
      view.dispatch({ effects: language.reconfigure(languageOf()) });
    },
    replace(next) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    insert(added, at) {
      const place = at && view.posAtCoords(at);
      const { from, to } = typeof place === 'number' ? { from: place, to: place } : view.state.selection.main;
      const before = view.state.sliceDoc(Math.max(0, from - 1), from);
      const insert = /[\w"]/.test(before) ? ` ${added}` : added;
      view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, scrollIntoView: true });
      view.focus();
    },
    catalog(tables) {
      known = tables;
      view.dispatch({ effects: language.reconfigure(languageOf()) });
    },
    underline(place, message) {
      const { from, to } = wordAt(view.state.doc.toString(), place);
      view.dispatch(setDiagnostics(view.state, [{ from, to, severity: 'error', message }]));
      view.dispatch({ effects: EditorView.scrollIntoView(from) });
    },
    clear: () => view.dispatch(setDiagnostics(view.state, [])),
    runAtCursor: () => atCursor(view),
    destroy: () => view.destroy(),
  };
}
