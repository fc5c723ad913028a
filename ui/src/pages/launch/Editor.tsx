/** The workload file in an editor: YAML colours, completion by its schema, and the master's own objections in place. */
import { autocompletion, type CompletionContext, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import type { JsonSchema } from "@/api/queries";
import type { FileProblem } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { suggestionsAt } from "@/pages/launch/complete";

interface EditorProps {
  readonly text: string;
  readonly change: (text: string) => void;
  /** What the master says against the file. */
  readonly problems: readonly FileProblem[];
  readonly schema: JsonSchema | undefined;
}

export function Editor({ text, change, problems, schema }: EditorProps) {
  const { t } = useTranslation();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const told = useRef(change);
  told.current = change;
  const known = useRef(schema);
  known.current = schema;
  const label = t("launch.file");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once; the text reaches it below
  useEffect(() => {
    if (!place.current) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({ doc: text, extensions: extensions(label, told, known) }),
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
    if (now)
      now.dispatch(
        setDiagnostics(
          now.state,
          problems.map((problem) => diagnosticOf(now.state, problem)),
        ),
      );
  }, [problems]);
  return <div className="editor" ref={place} />;
}

function extensions(
  label: string,
  told: { readonly current: (text: string) => void },
  schema: { readonly current: JsonSchema | undefined },
) {
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
    autocompletion({ override: [(context) => complete(context, schema.current)] }),
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

function complete(context: CompletionContext, schema: JsonSchema | undefined) {
  const found = schema && suggestionsAt(schema, context.state.doc.toString(), context.pos);
  if (!found || (found.from === context.pos && !context.explicit)) return null;
  return {
    from: found.from,
    options: found.options.map(({ label, info, isKey }) => ({
      label,
      type: isKey ? "property" : "constant",
      apply: isKey ? `${label}: ` : label,
      ...(info ? { info } : {}),
    })),
  };
}

function diagnosticOf(state: EditorState, { line, column, message, next_step }: FileProblem): Diagnostic {
  const at = state.doc.line(Math.max(1, Math.min(line, state.doc.lines)));
  const from = Math.min(at.from + Math.max(0, column - 1), at.to);
  return { from, to: at.to, severity: "error", message: next_step ? `${message}\n${next_step}` : message };
}
