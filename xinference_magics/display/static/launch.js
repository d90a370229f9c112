// An operation on its way: a launch, or a run over data. All that is shown is in the model's
// `state`, and only ever set as text:
//   {title, words, fraction, seconds, cancel, parts: [{name, words, fraction}, ...],
//    notes: [text, ...], rows: [[number, prompt, answer], ...], button: {label, over, title}, gone}
// fraction: 0 to 1, or null where nothing is counted; seconds since the start;
// cancel: "offered", or "heard" while the kernel cancels; rows: the last ones of a run;
// button: what it says if one click is enough; gone: what to say if the kernel is gone.
// To the kernel: {kind: "stop"}.

const CONFIRM_WITHIN = 6000; // ms from the first click to the second
const INTERRUPT_AFTER = 5000; // ms without an answer to Cancel; the kernel may be asking its server

class Bar {
  constructor() {
    this.fill = element("div", "xm-fill");
    this.element = element("div", "xm-bar");
    this.element.setAttribute("role", "progressbar");
    this.element.append(this.fill);
  }

  set(fraction) {
    this.element.classList.toggle("xm-uncounted", fraction === null);
    this.fill.style.width = fraction === null ? "" : `${Math.round(100 * Math.min(Math.max(fraction, 0), 1))}%`;
    if (fraction === null) this.element.removeAttribute("aria-valuenow");
    else this.element.setAttribute("aria-valuenow", Math.round(100 * fraction));
  }
}

const CANCEL = {
  label: "Cancel",
  asking: "Click again to cancel",
  over: "Cancelling",
  title: "Cancel the launch",
  askingTitle: "The launch is being cancelled; this takes up to a minute",
};

/** Cancel takes two clicks: the first one asks, and is forgotten after a while. Stop takes one. */
class CancelButton {
  constructor(send, interrupt, words) {
    this.send = send;
    this.interrupt = interrupt;
    this.words = words ?? CANCEL;
    this.phase = "idle"; // idle, asking, sent, heard
    this.element = element("button", "xm-stop xm-cancel");
    this.element.type = "button";
    this.element.onclick = () => this.click();
    this.paint();
  }

  click() {
    if (this.phase === "idle" && this.words.asking) {
      this.become("asking");
      this.timer = setTimeout(() => this.become("idle"), CONFIRM_WITHIN);
    } else if (this.phase === "asking" || this.phase === "idle") {
      this.become("sent");
      this.send();
      // A kernel that cannot hear the page while a cell runs can still be interrupted: the cell
      // ends and says how to cancel.
      this.timer = setTimeout(() => this.phase === "sent" && this.interrupt(), INTERRUPT_AFTER);
    }
  }

  take(cancel) {
    if (cancel === "heard") this.become("heard");
    else if (this.phase === "heard") this.become("idle");
  }

  become(phase) {
    clearTimeout(this.timer);
    this.phase = phase;
    this.paint();
  }

  paint() {
    const asking = this.phase === "asking";
    const over = this.phase === "sent" || this.phase === "heard";
    set(this.element, over ? this.words.over : asking ? this.words.asking : this.words.label);
    this.element.title = asking ? this.words.askingTitle : this.words.title;
    this.element.classList.toggle("xm-asking", asking);
    this.element.disabled = over;
  }

  end() {
    clearTimeout(this.timer);
  }
}

class View {
  constructor(button) {
    this.button = button;
    this.title = element("span", "xm-who");
    this.words = element("span", "xm-figures");
    this.said = element("span", "xm-said");
    this.said.setAttribute("role", "status");
    const head = element("div", "xm-head");
    head.append(this.title, this.words, button.element, this.said);
    this.bar = new Bar();
    this.partList = element("div", "xm-parts");
    this.parts = [];
    this.notes = element("div", "xm-note xm-notes");
    this.rows = element("div", "xm-rows");
    this.element = element("div", "xm-turn xm-launch");
    this.element.dataset.lmSuppressShortcuts = "true"; // keys on the button are the button's
    this.element.append(head, this.bar.element, this.partList, this.rows, this.notes);
  }

  take(state) {
    this.state = state;
    this.started = performance.now() - 1000 * state.seconds;
    set(this.title, state.title);
    set(this.said, `${state.title} ${state.words}`);
    this.bar.set(state.fraction);
    this.button.take(state.cancel);
    while (this.parts.length > state.parts.length) this.parts.pop().element.remove();
    while (this.parts.length < state.parts.length) this.addPart();
    state.parts.forEach((part, index) => this.parts[index].take(part));
    set(this.notes, (state.notes ?? []).join("\n"));
    this.showRows(state.rows ?? []);
    this.tick();
  }

  showRows(rows) {
    this.rows.replaceChildren(
      ...rows.map((row) => {
        const line = element("div", "xm-row");
        ["xm-row-number", "xm-row-prompt", "xm-row-answer"].forEach((name, index) => {
          const cell = element("span", name);
          set(cell, row[index]);
          line.append(cell);
        });
        return line;
      }),
    );
  }

  addPart() {
    const part = new Part();
    this.parts.push(part);
    this.partList.append(part.element);
  }

  /** Nothing more comes: one line stays. */
  end(words) {
    this.button.end();
    [this.button.element, this.bar.element, this.partList, this.rows].forEach((each) => each.remove());
    set(this.words, `· ${words}`);
    set(this.said, `${this.title.textContent}: ${words}`);
  }

  tick() {
    const seconds = Math.max(0, Math.floor((performance.now() - this.started) / 1000));
    const { words } = this.state;
    set(this.words, `· ${words ? `${words} · ` : ""}${seconds} s`);
  }
}

class Part {
  constructor() {
    this.name = element("span", "xm-part-name");
    this.words = element("span", "xm-part-words");
    this.bar = new Bar();
    this.element = element("div", "xm-part");
    this.element.append(this.name, this.bar.element, this.words);
  }

  take({ name, words, fraction }) {
    set(this.name, name);
    set(this.words, words);
    this.bar.set(fraction);
  }
}

function element(tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

function set(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export default () => {
  let place;

  return {
    initialize({ model }) {
      place = new Place(model);
      return () => place.close();
    },
    render({ model, el }) {
      const button = new CancelButton(
        () => model.send({ kind: "stop" }),
        () => model.widget_manager?.kernel?.interrupt?.(),
        model.get("state").button,
      );
      const view = new View(button);
      const take = () => view.take(model.get("state"));
      take();
      model.on("change:state", take);
      const clock = setInterval(() => view.tick(), 500);
      const listenNoMore = onKernelGone(model, (what) => {
        clearInterval(clock);
        view.end(`${what}; ${model.get("state").gone ?? "the launch may still be running"}`);
        place.leave();
      });
      el.append(view.element);
      const hide = place.show(el);
      return () => {
        hide();
        clearInterval(clock);
        listenNoMore();
        button.end();
        model.off("change:state", take);
      };
    },
  };
};
