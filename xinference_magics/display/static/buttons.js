// The buttons of settled answers. They are saved as plain HTML, hidden: this module shows and serves
// them, in the widget of an answer as well as in the extension for JupyterLab (labextension/extension.js).
// A button names its turn, whose record is beside it in the notebook: what is copied comes from there.
// Buttons that run something need an output that the notebook trusts; HTML in any other could imitate
// them.

const TURN_MIME = "application/vnd.xinference-magics.turn+json";
const COMPARISON_MIME = "application/vnd.xinference-magics.comparison+json";
const TURN_ID = /^\w+$/;
const SAYS_FOR = 2000; // ms

const BUTTON_STYLES = `
.xm-copies-code .xm-copy-code,
.xm-finds-turns .xm-copy,
.xm-finds-turns .jp-mod-trusted .xm-keep,
.xm-runs-cells .jp-Cell .jp-mod-trusted .xm-again {
  display: inline-block;
}
.xm-button {
  margin: 0 0 0 4px;
  padding: 0 6px;
  border: 1px solid rgba(128, 128, 128, 0.35);
  border-radius: 4px;
  background: transparent;
  color: inherit;
  font: 12px/18px var(--jp-ui-font-family, system-ui, sans-serif);
  cursor: pointer;
}
.xm-copy-code {
  position: absolute;
  top: 4px;
  right: 4px;
  opacity: 0;
}
:hover > .xm-copy-code,
.xm-copy-code:focus-visible {
  opacity: 1;
}
.xm-button:hover:enabled {
  background: rgba(128, 128, 128, 0.15);
}
.xm-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #3a7bd5);
  outline-offset: 1px;
}
.xm-button:disabled {
  cursor: default;
}
`;

/**
 * Serves the buttons of a notebook. The first call in a page listens, for all modules in it.
 *
 * A notebook has the `model` of JupyterLab (or none), a function `kernel` for its kernel, and, where
 * its cells can be run, a function `run` that is given the element of a cell.
 */
export function listenForButtons(notebook) {
  const known = (globalThis.xinferenceMagicsNotebooks ??= new Map()); // by model
  const can = document.documentElement.classList;
  if (!known.size && !can.contains("xm-copies-code")) {
    document.head.append(Object.assign(document.createElement("style"), { textContent: BUTTON_STYLES }));
    document.addEventListener("click", (event) => press(event.target));
    document.addEventListener("focusin", ({ target }) => {
      if (target.matches?.(".xm-button")) target.dataset.lmSuppressShortcuts = "true"; // keys on it are its own
    });
  }
  can.add("xm-copies-code");
  if (notebook.run) can.add("xm-runs-cells");
  if (!notebook.model) return;
  can.add("xm-finds-turns");
  if (notebook.run || !known.has(notebook.model)) known.set(notebook.model, notebook);
}

async function press(target) {
  const button = target.closest?.("button.xm-button");
  if (!button) return;
  if (button.matches(".xm-copy-code")) return copy(button, codeOf(button));
  const found = findTurn(button.value);
  if (!found) return say(button, "Not found");
  if (button.matches(".xm-copy")) return copy(button, answerOf(found.record));
  if (!found.trusted || !button.closest(".jp-OutputArea-output.jp-mod-trusted")) return say(button, "Not trusted");
  if (button.matches(".xm-again")) found.notebook.run?.(button.closest(".jp-Cell"));
  if (button.matches(".xm-keep")) keep(button, found);
}

/** Finds the turn with this ID in the outputs of the open notebooks. */
function findTurn(id) {
  if (!TURN_ID.test(id)) return null;
  const known = globalThis.xinferenceMagicsNotebooks;
  for (const notebook of known.values()) {
    if (notebook.model.isDisposed) {
      known.delete(notebook.model);
      continue;
    }
    for (const cell of notebook.model.cells) {
      for (let index = 0; index < (cell.outputs?.length ?? 0); index++) {
        const { data, trusted } = cell.outputs.get(index);
        const records = [data?.[TURN_MIME], ...(data?.[COMPARISON_MIME]?.turns ?? [])];
        const record = records.find((each) => each?.id === id);
        if (record) return { notebook, trusted, record };
      }
    }
  }
  return null;
}

/** The answer of a turn as it was written: its text, or its object where it has none. */
function answerOf({ message, parsed }) {
  const { content } = message.data;
  const blocks = typeof content === "string" ? [content] : content;
  const text = blocks.map((block) => (typeof block === "string" ? block : (block.text ?? ""))).join("");
  return text || JSON.stringify(parsed, null, 2);
}

function codeOf(button) {
  return button.parentElement.querySelector("pre").textContent;
}

async function keep(button, { notebook }) {
  const kernel = notebook.kernel();
  if (!kernel) return say(button, "No kernel");
  button.disabled = true;
  const line = JSON.stringify(`keep ${button.value}`);
  const code = `get_ipython().run_line_magic("conversation", ${line})`;
  const future = kernel.requestExecute({ code, silent: true, store_history: false, allow_stdin: false });
  const { content } = await future.done;
  button.disabled = false;
  if (content.status === "error") say(button, "Not kept", content.evalue);
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copiedBySelection(text)) return say(button, "Not copied", "The browser does not allow it here");
    button.focus();
  }
  say(button, "Copied");
}

/** Copies where a page has no clipboard: served over HTTP from another machine. */
function copiedBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** Shows a word on a button for a while. */
function say(button, word, title = "") {
  const label = (button.dataset.xmLabel ??= button.textContent);
  button.textContent = word;
  button.title = title;
  setTimeout(() => word === button.textContent && (button.textContent = label), SAYS_FOR);
}

