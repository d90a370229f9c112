// Comes before the module of each widget. A widget has a place in the notebook, where the settled
// output takes over at its end. A page that has shown the widget from the start gets that from the
// kernel. A page that was reloaded has lost the place: it finds it again by what the output says, and
// puts the settled output there itself. Messages:
//   {ended: true}       from the kernel: nothing more comes, and the settled output was sent
//   {kind: "settled"}   to it: send the settled output, as the state `settled`
//   {kind: "kept"}      to it: this page has the settled output, so the widget can close

const VIEW_MIME = "application/vnd.jupyter.widget-view+json";
const SETTLES_WITHIN = 3000; // ms from the end of a widget until its settled output has replaced it

class Place {
  constructor(model) {
    this.model = model;
    this.shown = new Set(); // the elements in which the widget is shown
    this.onHidden = () => {};
    this.cell = null; // the element of the cell whose view has the focus
    this.isOver = false;
    this.isGone = false;
    this.onMessage = (message) => message.ended && this.end();
    this.onSettled = () => this.end();
    model.on("msg:custom", this.onMessage);
    model.on("change:settled", this.onSettled);
    if (this.settled()) this.end();
    else if (model.get("late")) setTimeout(() => this.reveal()); // once the page has the model
  }

  close() {
    this.isGone = true;
    this.model.off("msg:custom", this.onMessage);
    this.model.off("change:settled", this.onSettled);
  }

  /** Notes where the widget is shown; returns how to note that it no longer is. */
  show(element) {
    this.shown.add(element);
    element.addEventListener("focusin", () => (this.cell = element.closest(".jp-Cell")));
    element.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && (this.cell = null));
    if (this.isOver) this.showSettled();
    return () => {
      this.shown.delete(element);
      if (!this.shown.size) this.onHidden();
    };
  }

  settled() {
    const bundle = this.model.get("settled");
    return bundle && Object.keys(bundle).length ? bundle : null;
  }

  async end() {
    if (this.isEnding) return;
    this.isEnding = true;
    this.keepFocus();
    const isLate = this.model.get("late");
    if (this.shown.size && !isLate && !this.settled()) {
      await Promise.race([new Promise((done) => (this.onHidden = done)), sleep(SETTLES_WITHIN)]);
    }
    if (!isLate && !this.shown.size) this.confirm();
    else if (this.settled()) this.settle();
    else if (!this.isGone) this.model.send({ kind: "settled" }); // and then onSettled
    this.isEnding = false;
  }

  settle() {
    this.isOver = true;
    if (this.put(this.settled())) this.confirm();
    else this.showSettled();
  }

  confirm() {
    if (!this.isGone) this.model.send({ kind: "kept" });
  }

  /** Shows the settled output in the widget, where the notebook cannot be written to. */
  showSettled() {
    const bundle = this.settled();
    if (bundle) this.shown.forEach((element) => (element.innerHTML = bundle["text/html"] ?? ""));
  }

  /** The kernel is gone, with all that it has not sent: what is shown stays, and is saved. */
  leave() {
    const [element] = this.shown;
    const found = element && !this.isOver && this.find();
    if (found) found.outputs.set(found.index, asOutput(asPlain(element)));
  }

  /** Keeps the focus in the cell when the button that had it is gone, or disabled, which has none. */
  keepFocus() {
    const { activeElement, body } = document;
    if (this.cell && (activeElement === body || this.cell.contains(activeElement))) this.cell.focus();
  }

  cells() {
    return [...(this.model.widget_manager?.context?.model?.cells ?? [])].filter((cell) => cell.outputs);
  }

  /** Finds the output that shows this widget. */
  find() {
    for (const { outputs } of this.cells()) {
      for (let index = 0; index < outputs.length; index++) {
        if (outputs.get(index).data?.[VIEW_MIME]?.model_id === this.model.get("key")) return { outputs, index };
      }
    }
    return null;
  }

  /** Puts a settled output into the notebook; tells whether it is there. */
  put(bundle) {
    const found = this.find();
    if (found) found.outputs.set(found.index, asOutput(bundle));
    return found !== null || this.fill(bundle);
  }

  /** Shows the widget in its cell again: the notebook was saved before there was an output. */
  reveal() {
    if (this.isGone || this.settled() || this.find()) return;
    this.fill({ [VIEW_MIME]: { version_major: 2, version_minor: 0, model_id: this.model.get("key") } });
  }

  /** Replaces what an earlier run has left in the cell, unless the bundle is there already. */
  fill(bundle) {
    const cell = this.cells().find((each) => each.id === this.model.get("cell"));
    if (!cell) return false;
    const { outputs } = cell;
    const isThere = Array.from({ length: outputs.length }, (_, index) => outputs.get(index)).some(
      (output) => bundle["text/html"] !== undefined && output.data?.["text/html"] === bundle["text/html"],
    );
    if (isThere) return true;
    if (!refilled.has(outputs)) outputs.clear(); // but not what another widget of this cell has put there
    refilled.add(outputs);
    outputs.add(asOutput(bundle));
    return true;
  }
}

/** The outputs of cells that this page has filled: one set for the modules of all widgets. */
const refilled = (globalThis.xinferenceMagicsRefilled ??= new WeakSet());

/** What a saved notebook shows as our style sheet does, which is not saved. */
const SAVED_STYLES =
  "display gap margin padding border-left border-radius font-size font-weight line-height opacity white-space overflow-wrap".split(" ");
const USUAL = /^(normal|1|0px( rgba?\(.*\))?)$/;

/** Copies what an element shows, as an output that needs no style sheet and no script. */
function asPlain(element) {
  const copy = element.cloneNode(true);
  const originals = [...element.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((each, index) => {
    const styles = getComputedStyle(originals[index]);
    delete each.dataset.lmSuppressShortcuts;
    if (each.matches(".xm-said, .xm-dot, .xm-bar") || each.tagName === "BUTTON" || styles.display === "none") each.remove();
    else if (each.className.includes("xm-")) {
      for (const name of SAVED_STYLES) {
        const value = styles.getPropertyValue(name);
        if (!USUAL.test(value)) each.style.setProperty(name, value);
      }
      if (each.matches(".xm-code")) each.style.fontFamily = "monospace";
    }
  });
  return {
    "text/html": `<div class="tex2jax_ignore mathjax_ignore">${copy.innerHTML}</div>`,
    "text/plain": textOf(copy),
  };
}

/** The text of an element that is in no page, with the line breaks that it has in one. */
function textOf(element) {
  document.body.append(element);
  const text = element.innerText;
  element.remove();
  return text;
}

function asOutput(data) {
  return { output_type: "display_data", data, metadata: {} };
}

function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

