// Running turns: one, or several side by side. What the model writes is only ever set as text; the
// HTML of complete blocks is the kernel's, from the renderer of the settled output.
// Messages from the kernel, each about the turn of its `column` (0 where there is none):
//   {n, add: [[kind, piece], ...], figures, now}   frame number n holds what is new
//   {n, all: [[kind, piece], ...], figures, now}   everything so far
//   {n}                                            the number of the last frame
// `over` in a frame says that the turn has ended, and what failed. A kind is "text" or "reasoning",
// with text that is appended or with a change to its blocks,
//   {keep, into, blocks, rest, language}
// (keep so many blocks; append the HTML `into` inside the last of them and the HTML of new `blocks`
// after it; show `rest` as the text that follows, as code if it has a language), or a step of a tool:
//   "call" {id, call, asks} (it starts, or the user is asked whether it may) and
//   "result" {id, status, mark, outcome, text}, where the outcome belongs behind the call.
// To all of them:
//   {stopping: true}                                    Stop was heard
//   {ended: true}                                       nothing more comes; Stop is too late
// and to it: {kind: "resync"} (send everything) and {kind: "stop"}.

const INTERRUPT_AFTER = 600; // ms without an answer to Stop
const ASK_AGAIN_AFTER = 2000; // ms without an answer to "resync"

/** What is known of a turn, shared by all its views. */
class Turn {
  constructor() {
    this.number = 0;
    this.segments = [];
    this.figures = "";
    this.started = performance.now();
    this.over = undefined; // once it has ended: what failed, or ""
    this.ended = null; // seconds
    this.asked = 0; // when everything was asked for; 0 when there is no need to
    this.views = new Set();
  }

  seconds() {
    return this.ended ?? (performance.now() - this.started) / 1000;
  }

  /** Takes in a message; tells whether everything has to be asked for. */
  take(message) {
    if (message.all) {
      this.segments = [];
      this.number = message.n - 1;
      this.views.forEach((view) => view.clear());
      message = { ...message, add: message.all };
      this.asked = 0;
    }
    if (message.add && message.n === this.number + 1) this.append(message);
    this.views.forEach((view) => view.tick());
    return message.n > this.number && this.asks();
  }

  /** Tells whether to ask for everything now: once for each gap, unless no answer comes. */
  asks() {
    const now = performance.now();
    if (this.asked && now - this.asked < ASK_AGAIN_AFTER) return false;
    this.asked = now;
    return true;
  }

  append({ n, add, figures, now, over }) {
    this.number = n;
    this.figures = figures;
    this.started = performance.now() - now * 1000;
    if (over !== undefined) this.views.forEach((view) => view.hush());
    for (const [kind, piece] of add) {
      const last = this.segments.at(-1);
      if (last?.kind === kind && !isStep(kind)) last.pieces.push(piece);
      else this.segments.push({ kind, pieces: [piece], since: now });
      this.views.forEach((view) => view.append(kind, piece, now));
    }
    if (over !== undefined) this.end(now, over);
  }

  end(seconds, over) {
    if (this.ended !== null) return;
    [this.ended, this.over] = [seconds, over];
    this.views.forEach((view) => view.end());
    [...this.views].slice(0, 1).forEach((view) => announce(view.ending()));
  }
}

class View {
  constructor(turn, title, className, typeset) {
    this.turn = turn;
    this.title = title;
    this.typeset = typeset;
    this.who = element("span", "xm-who", title);
    this.figures = element("span", "xm-figures");
    this.dot = element("span", "xm-dot");
    this.said = element("span", "xm-said");
    this.said.setAttribute("role", "status");
    this.head = element("div", "xm-head");
    this.head.append(this.who, this.figures, this.dot, this.said);
    this.content = element("div", "xm-content jp-RenderedHTMLCommon"); // as JupyterLab shows HTML
    this.content.setAttribute("aria-live", "polite");
    this.content.setAttribute("aria-relevant", "additions");
    this.unheard = 0; // the first block that a screen reader has not been told
    this.element = element("div", className);
    this.element.append(this.head, this.content);
    this.steps = new Map();
    for (const { kind, pieces, since } of turn.segments) {
      pieces.forEach((piece) => this.append(kind, piece, since));
    }
    if (turn.ended !== null) this.end();
    this.tick();
    turn.views.add(this);
  }

  /** The turn has ended; others may go on. */
  end() {
    this.endFold(this.turn.ended);
    this.dot.remove();
    if (this.turn.over) this.element.append(element("div", "xm-note", `■ ${this.turn.over}`));
    this.tick();
  }

  /** What comes now is the last, and will soon be replaced: it is announced instead. */
  hush() {
    this.content.setAttribute("aria-live", "off");
    this.unheard = this.text?.blocks.length ?? 0;
  }

  ending() {
    const blocks = this.kind === "text" ? this.text.blocks.slice(this.unheard).flat() : [];
    const rest = blocks.map((node) => node.textContent.trim()).filter(Boolean);
    return [...rest, `${this.title} has ended`].join("\n");
  }

  clear() {
    this.content.replaceChildren();
    this.kind = this.fold = undefined;
    this.steps.clear();
  }

  append(kind, piece, now) {
    if (isStep(kind)) return this.addStep(kind, piece, now);
    if (kind !== this.kind) this.begin(kind, now);
    if (!this.fold) return this.text.append(piece);
    const body = this.text.element; // a fold of limited height: stay at its end, unless scrolled up
    const follows = body.scrollHeight - body.scrollTop - body.clientHeight < 8;
    this.text.append(piece);
    if (follows) body.scrollTop = body.scrollHeight;
  }

  begin(kind, now) {
    this.endFold(now);
    this.kind = kind;
    this.text = new Text(this.typeset);
    this.unheard = 0;
    if (kind !== "reasoning") return this.content.append(this.text.element);
    this.fold = element("details", "xm-thinking");
    this.fold.setAttribute("aria-live", "off");
    this.foldLine = element("summary", "", "Thinking");
    this.foldSince = now;
    this.fold.open = true;
    this.fold.append(this.foldLine, this.text.element);
    this.content.append(this.fold);
  }

  addStep(kind, given, now) {
    this.endFold(now);
    this.kind = kind;
    const known = this.steps.get(given.id);
    if (kind === "result") return known?.end(given);
    if (known && known.outcome === undefined) return known.begin(now, given.asks); // it was asked about
    const step = new Step(given.call);
    step.begin(now, given.asks);
    this.steps.set(given.id, step);
    this.content.append(step.element);
  }

  endFold(now) {
    if (!this.fold) return;
    this.foldLine.textContent = `Thought for ${(now - this.foldSince).toFixed(1)} s`;
    this.fold.open = false;
    this.fold = undefined;
  }

  tick() {
    const { ended, segments } = this.turn;
    const seconds = this.turn.seconds();
    const waits = !segments.length && ended === null; // a tool that runs is no waiting
    const known = waits ? ["waiting", `${seconds.toFixed(1)} s`] : [this.turn.figures, `${seconds.toFixed(1)} s total`];
    set(this.figures, ["", ...known.filter(Boolean)].join(" · ").trim());
    set(this.said, ended !== null ? "" : `${this.title} ${waits ? "is waiting for the first token" : "is answering"}`);
    if (this.fold) set(this.foldLine, `Thinking · ${(seconds - this.foldSince).toFixed(0)} s`);
    this.steps.forEach((step) => step.tick(seconds, ended !== null));
  }
}

/** A call of a tool: one line, with a clock while it runs, and its result in a fold. */
class Step {
  constructor(call) {
    this.element = element("details", "xm-step");
    this.mark = element("span", "xm-mark");
    this.mark.setAttribute("aria-hidden", "true");
    this.clock = element("span", "xm-clock");
    this.clock.setAttribute("aria-live", "off");
    this.line = element("summary");
    this.line.append(this.mark, element("span", "xm-call", call), this.clock);
    this.element.append(this.line);
    this.outcome = undefined; // until it has ended
  }

  begin(now, asks) {
    this.since = now;
    this.asks = asks;
    this.element.classList.toggle("xm-running", !asks);
  }

  tick(seconds, isOver) {
    if (this.outcome !== undefined) return;
    if (isOver) return this.end({ status: "", mark: "–", outcome: " · no result", text: "" });
    set(this.clock, this.asks ? " · asks you" : ` · ${(seconds - this.since).toFixed(0)} s`);
  }

  end({ status, mark, outcome, text }) {
    this.outcome = outcome;
    this.element.classList.remove("xm-running");
    this.element.dataset.status = status;
    set(this.mark, mark);
    this.clock.remove();
    this.line.append(element("span", "xm-outcome", outcome));
    this.element.append(element("div", "xm-text", text));
  }
}

/** The way to stop: one for all turns, with a button in each view. */
class Stop {
  constructor(model) {
    this.model = model;
    this.phase = "none"; // none, asked, heard, ended, gone (with its kernel)
    this.buttons = new Set();
  }

  button() {
    const button = element("button", "xm-stop", "Stop");
    button.type = "button";
    button.title = "Stop the answer; what has arrived is kept";
    button.onclick = () => this.ask();
    this.buttons.add(button);
    this.become(this.phase);
    return button;
  }

  become(phase) {
    this.phase = phase;
    for (const button of this.buttons) {
      button.hidden = phase === "gone";
      button.setAttribute("aria-disabled", phase !== "none"); // a disabled one would lose the focus
      set(button, phase === "none" || phase === "ended" ? "Stop" : "Stopping");
    }
  }

  ask() {
    if (this.phase !== "none") return;
    this.become("asked");
    this.model.send({ kind: "stop" });
    // A kernel that cannot hear the page while a cell runs can still be interrupted; but once the
    // turn has ended, it would be the next cell that is, and another one in the background.
    const isUnheard = () =>
      this.phase === "asked" && this.buttons.size > 0 && !this.model.get("background");
    setTimeout(() => isUnheard() && this.model.widget_manager?.kernel?.interrupt?.(), INTERRUPT_AFTER);
  }
}

/** All turns side by side, below a line with the way to stop them. */
function columns(views, button) {
  const head = element("div", "xm-head");
  head.append(element("span", "xm-who", `${views.length} models`), button);
  const grid = element("div", "xm-columns");
  grid.append(...views.map((view) => view.element));
  const all = element("div", "xm-turn");
  all.append(head, grid);
  return all;
}

function isStep(kind) {
  return kind === "call" || kind === "result";
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function set(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export default () => {
  let turns, stop;
  const shown = new Map(); // what is in the page, with what follows its end

  return {
    initialize({ model }) {
      turns = model.get("titles").map(() => new Turn());
      stop = new Stop(model);
      announcer();
      const ask = () => model.send({ kind: "resync" });
      const take = (message) => {
        if (message.stopping) stop.become("heard");
        if (message.ended) {
          stop.become("ended");
          shown.forEach((_, each) => leave(each));
        }
        if ("n" in message && turns[message.column ?? 0].take(message)) ask();
        if (message.add || message.all) shown.forEach((follower) => follower.keep());
      };
      model.on("msg:custom", take);
      turns.forEach((turn) => turn.asks()); // once for all of them
      ask(); // the first messages came before this page listened
      const tick = () => turns.forEach((turn) => turn.views.forEach((view) => view.tick()));
      const clock = setInterval(tick, 200);
      const listenNoMore = onKernelGone(model, (what) => {
        stop.become("gone");
        turns.forEach((turn) => turn.end(turn.seconds(), `${what}; the answer was not finished`));
      });
      return () => {
        clearInterval(clock);
        listenNoMore();
        stop.become("ended");
        model.off("msg:custom", take);
      };
    },
    render({ model, el }) {
      const className = turns.length === 1 ? "xm-turn" : "xm-column";
      const typeset = typesetter(model);
      const views = model.get("titles").map((title, column) => new View(turns[column], title, className, typeset));
      const button = stop.button();
      if (views.length === 1) views[0].head.append(button);
      const made = views.length === 1 ? views[0].element : columns(views, button);
      made.dataset.lmSuppressShortcuts = "true"; // keys on the button are the button's
      el.append(made);
      const follower = new Follower(made);
      shown.set(made, follower);
      return () => {
        shown.delete(made);
        follower.end();
        views.forEach((view) => view.turn.views.delete(view));
        stop.buttons.delete(button);
      };
    },
  };
};
