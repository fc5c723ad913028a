/** The workload file in an editor: YAML colours, completion of our keys, and the master's own objection at its line. */
import { autocompletion, type CompletionContext, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { lineOf, placeOf } from "@/pages/launch/file";
import { RESOURCE_KEYS, TOP_KEYS } from "@/pages/launch/keys";

interface EditorProps {
  readonly text: string;
  readonly change: (text: string) => void;
  /** What the master says against the file; null: nothing. */
  readonly objection: string | null;
}

export function Editor({ text, change, objection }: EditorProps) {
  const { t } = useTranslation();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const told = useRef(change);
  told.current = change;
  const label = t("launch.file");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once; the text reaches it below
  useEffect(() => {
    if (!place.current) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({ doc: text, extensions: extensions(label, told) }),
    });
    view.current = made;
    return () => made.destroy();
  }, [label]);
  useEffect(() => {
    const now = view.current;
    if (now && now.state.doc.toString() !== text)
      now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    const now = view.current;
    if (now) now.dispatch(setDiagnostics(now.state, objection ? [diagnosticOf(now.state, objection)] : []));
  }, [objection]);
  return <div className="editor" ref={place} />;
}

function extensions(label: string, told: { readonly current: (text: string) => void }) {
  return [
    lineNumbers(),
    lintGutter(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    indentOnInput(),
    closeBrackets(),
    yaml(),
    syntaxHighlighting(COLOURS),
    autocompletion({ override: [complete] }),
    keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) told.current(update.state.doc.toString());
    }),
  ];
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.bool, tags.number, tags.null, tags.keyword], color: "var(--busy)" },
  { tag: [tags.punctuation, tags.separator], color: "var(--ink-3)" },
]);

function complete(context: CompletionContext) {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const word = /^(\s*(?:- )?)([a-z_]*)$/.exec(before);
  if (!word || (word[2] === "" && !context.explicit)) return null;
  const keys: readonly string[] = word[1] === "" ? TOP_KEYS : RESOURCE_KEYS;
  return {
    from: context.pos - (word[2]?.length ?? 0),
    options: keys.map((key) => ({ label: key, type: "property", apply: `${key}: ` })),
  };
}

function diagnosticOf(state: EditorState, message: string): Diagnostic {
  const named = lineOf(message);
  const line = state.doc.line(Math.min(named ?? lineOfKey(state, placeOf(message)), state.doc.lines));
  return { from: line.from, to: line.to, severity: "error", message };
}

function lineOfKey(state: EditorState, place: string | null): number {
  const key = place?.split(".").at(-1);
  if (!key) return 1;
  for (let number = 1; number <= state.doc.lines; number += 1) {
    if (new RegExp(`^\\s*(?:- )?${key}\\s*:`).test(state.doc.line(number).text)) return number;
  }
  return 1;
}
