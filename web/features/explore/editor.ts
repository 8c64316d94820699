// The SQL editor: CodeMirror, set up for the engine's SQL. Loaded when the page is there.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { sql } from '@codemirror/lang-sql';
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, diagnosticCount, lintGutter, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, drawSelection, dropCursor, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers, placeholder, rectangularSelection } from '@codemirror/view';
import { spell } from '../../core/keys';
import { type Statement, statementAt, wordAt } from '../../core/sql';
import { styleNonce } from '../../core/trust';
import { type Names, completions, noNames } from './complete';
import { colours, duckdb, look } from './editor-look';

export interface EditorHooks {
  /** What is to run: a selection, or the statement at the cursor. */
  run(what: Statement[]): void;
  save(): void;
  format(): void;
  changed(text: string): void;
  /** The cursor stands elsewhere. */
  moved?(place: number): void;
}

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  hooks: EditorHooks;
}

/** Something wrong in the text, and what to put in its place. */
export interface Mark {
  from: number;
  to: number;
  message: string;
  instead?: readonly string[];
}

export interface SqlEditor {
  readonly view: EditorView;
  text(): string;
  /** Another text, with a history of its own. */
  open(text: string): void;
  replace(text: string): void;
  /** Puts text at the cursor (or at a place of the screen), in place of the selection. */
  insert(text: string, at?: { x: number; y: number }): void;
  /** What completion knows. */
  names(names: Names): void;
  /** Underlines; `show` scrolls to the first. */
  mark(marks: readonly Mark[], show: boolean): void;
  underline(place: number, message: string): void;
  clear(): void;
  runAtCursor(): void;
  destroy(): void;
}

export function createEditor({ parent, text, hooks }: EditorOptions): SqlEditor {
  let known: Names = noNames;

  function atCursor(view: EditorView): void {
    const doc = view.state.doc.toString();
    const { from, to } = view.state.selection.main;
    if (from !== to) hooks.run([{ sql: doc.slice(from, to), from, to }]);
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
    drawSelection({ cursorBlinkRate: 0 }), // an animation would keep the screen's clock going, sixty times a second
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
    autocompletion({ icons: false, activateOnTypingDelay: 60, override: completions(() => known) }),
    placeholder(matchMedia('(pointer: coarse)').matches ? 'select …' : `select …   —   ${spell('mod+Enter').join('+')} runs, ${spell('ctrl+Space').join('+')} completes`),
    Prec.highest(
      keymap.of([
        { key: 'Mod-Enter', run: (view) => (closeCompletion(view), atCursor(view), true) },
        { key: 'Mod-s', run: (view) => (closeCompletion(view), hooks.save(), true) },
        { key: 'Mod-Shift-f', run: () => (hooks.format(), true) },
        { key: 'Tab', run: acceptCompletion },
      ]),
    ),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap.filter((one) => one.key !== 'Mod-Enter'), ...searchKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
    sql({ dialect: duckdb }),
    look,
    syntaxHighlighting(colours),
    EditorView.contentAttributes.of({ 'aria-label': 'SQL', 'aria-describedby': 'editor-hint', spellcheck: 'false', autocapitalize: 'off', tabindex: '0' }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) hooks.changed(update.state.doc.toString());
      if (update.selectionSet || update.docChanged) hooks.moved?.(update.state.selection.main.head);
    }),
  ];
  const view = new EditorView({ parent, state: EditorState.create({ doc: text, selection: { anchor: text.length }, extensions }) });

  function mark(marks: readonly Mark[], show: boolean): void {
    if (!marks.length && !diagnosticCount(view.state)) return;
    const { length } = view.state.doc;
    const diagnostics = marks.map(({ from, to, message, instead = [] }): Diagnostic => ({
      from: Math.min(from, length),
      to: Math.min(to, length),
      severity: 'error',
      message,
      actions: instead.map((text) => ({ name: `Write ${text}`, apply: (at, begin, end) => at.dispatch({ changes: { from: begin, to: end, insert: text } }) })),
    }));
    view.dispatch(setDiagnostics(view.state, diagnostics));
    if (show && diagnostics[0]) view.dispatch({ effects: EditorView.scrollIntoView(diagnostics[0].from) });
  }

  return {
    view,
    text: () => view.state.doc.toString(),
    open(next) {
      view.setState(EditorState.create({ doc: next, selection: { anchor: next.length }, extensions }));
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
    names(names) {
      known = names;
    },
    mark,
    underline: (place, message) => mark([{ ...wordAt(view.state.doc.toString(), place), message }], true),
    clear: () => mark([], false),
    runAtCursor: () => atCursor(view),
    destroy: () => view.destroy(),
  };
}
