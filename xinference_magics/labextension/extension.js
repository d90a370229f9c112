// The extension for JupyterLab and Notebook 7. It serves the buttons of answers where no widget does,
// such as in a notebook without a kernel, and keeps prompts from being coloured as Python.

import { listenForButtons } from "./buttons.js";

const PROMPT = /^\s*%%(x?chat|generate|xinference[ \t]+(chat|generate))\b/;
const MARKDOWN = "text/x-ipythongfm";

/** Colours the prompts of a notebook as Markdown, while they are prompts. */
function colourPrompts(notebook) {
  const listening = new Set();
  const paint = (cell) => {
    const { model } = cell;
    const wanted = PROMPT.test(model.sharedModel.getSource()) ? MARKDOWN : notebook.codeMimetype;
    if (model.mimeType !== wanted) model.mimeType = wanted;
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

export default {
  id: "xinference-magics:answers",
  description: "Serves the buttons of answers, and colours prompts as what they are.",
  autoStart: true,
  activate: (app) => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: (panel, context) => {
        listenForButtons({
          model: context.model,
          kernel: () => context.sessionContext.session?.kernel,
          run: (element) => run(app, panel, element),
        });
        context.ready.then(() => colourPrompts(panel.content));
      },
    });
  },
};
