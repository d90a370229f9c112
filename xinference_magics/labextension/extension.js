// The extension for JupyterLab and Notebook 7. It serves the buttons of answers where no widget does,
// such as in a notebook without a kernel, and keeps prompts from being coloured as Python.

import { listenForButtons } from "./buttons.js";

const PROMPT = /^\s*%%(x?chat|generate|xinference[ \t]+(chat|generate))\b/;
const MARKDOWN = "text/x-ipythongfm";

/** Colours the prompts of a notebook as Markdown, while they are prompts. */
function colourPrompts(notebook, languages) {
  const listening = new Set();
  const paint = async (cell) => {
    const { model } = cell;
    const isPrompt = () => PROMPT.test(model.sharedModel.getSource());
    if (isPrompt() === (model.mimeType === MARKDOWN)) return;
    await languages.getLanguage(notebook.codeMimetype); // else it could be loaded, and set, after ours
    model.mimeType = isPrompt() ? MARKDOWN : notebook.codeMimetype;
  };
  const paintAll = () => {
    for (const cell of notebook.widgets) {
      if (cell.model.type !== "code") continue;
      paint(cell);
      if (listening.has(cell.model)) continue;
      listening.add(cell.model);
      cell.model.contentChanged.connect(() => paint(cell));
      cell.model.mimeTypeChanged.connect(() => paint(cell)); // the kernel says what its language is
      cell.disposed.connect(() => listening.delete(cell.model));
    }
  };
  notebook.modelContentChanged.connect(paintAll);
  notebook.fullyLoaded?.connect(paintAll);
  paintAll();
}

/** Runs a cell as the user would: in its notebook, which then has the focus. */
async function run(app, panel, element) {
  const { content } = panel;
  const index = content.widgets.findIndex((cell) => cell.node === element);
  if (index < 0) return;
  app.shell.activateById(panel.id);
  content.activeCellIndex = index;
  content.deselectAll();
  content.activate();
  await app.commands.execute("notebook:run-cell");
}

export const plugin = (IEditorLanguageRegistry) => ({
  id: "xinference-magics:answers",
  description: "Serves the buttons of answers, and colours prompts as what they are.",
  autoStart: true,
  optional: IEditorLanguageRegistry ? [IEditorLanguageRegistry] : [],
  activate: (app, languages) => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: (panel, context) => {
        listenForButtons({
          model: context.model,
          kernel: () => context.sessionContext.session?.kernel,
          run: (element) => run(app, panel, element),
        });
        if (languages) context.ready.then(() => colourPrompts(panel.content, languages));
      },
    });
  },
});
