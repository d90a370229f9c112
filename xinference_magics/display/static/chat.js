// Running turns: one, or several side by side. What the model writes is only ever set as text; the
// HTML of complete blocks is the kernel's, from the renderer of the settled output.
// Messages from the kernel, each about the turn of its `column` (0 where there is none):
//   {n, add: [[kind, text], ...], tokens, first, now}   frame number n holds what is new
//   {n, all: [[kind, text], ...], tokens, first, now}   everything so far
//   {n}                                                 the number of the last frame
// `over` in a frame says that the turn has ended, and what failed. A kind is "text" or "reasoning",
// with text that is appended or with a change to its blocks,
//   {keep, into, blocks, rest, language}
// (keep so many blocks; append the HTML `into` inside the last of them and the HTML of new `blocks`
// after it; show `rest` as the text that follows, as code if it has a language), or it is a step of
// a tool with JSON as its text:
//   "call" {id, name, args} and "result" {id, status, text, seconds}.
// To all of them:
//   {stopping: true}                                    Stop was heard
//   {ended: true}                                       nothing more comes; Stop is too late (see place.js)
// and to it: {kind: "resync"} (send everything) and {kind: "stop"}.

const INTERRUPT_AFTER = 600; // ms without an answer to Stop
const ASK_AGAIN_AFTER = 2000; // ms without an answer to "resync"
const BLOCK = 2000; // characters after which a block of text is closed, and never laid out again

/** What is known of a turn, shared by all its views. */
class Turn {
  constructor() {
    this.number = 0;
    this.segments = [];
    this.tokens = 0;
    this.first = null;
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

  append({ n, add, tokens, first, now, over }) {
    this.number = n;
    this.tokens = tokens;
    this.first = first;
    this.started = performance.now() - now * 1000;
    for (const [kind, text] of add) {
      const last = this.segments.at(-1);
      if (last?.kind === kind && !isStep(kind)) last.pieces.push(text);
      else this.segments.push({ kind, pieces: [text], since: now });
      this.views.forEach((view) => view.append(kind, text, now));
    }
    if (over !== undefined) this.end(now, over);
  }

  end(seconds, over) {
    if (this.ended !== null) return;
    [this.ended, this.over] = [seconds, over];
    this.views.forEach((view) => view.end());
  }
}

/** Text that grows: complete blocks as HTML, and then text, in parts of which the last one is open. */
class Text {
  constructor() {
    this.element = element("div", "xm-body tex2jax_ignore mathjax_ignore");
    this.blocks = []; // the nodes of each
    this.parts = [];
    this.open();
  }

  open(className = "xm-text") {
    this.block = element("div", className);
    this.block.hidden = true; // until it has more than line breaks
    this.tail = this.block.appendChild(document.createTextNode(""));
    this.parts.push(this.block);
    this.element.append(this.block);
  }

  append(piece) {
    if (typeof piece === "string") this.appendText(piece);
    else this.change(piece);
  }

  change({ keep, into, blocks, rest, language }) {
    for (const nodes of this.blocks.splice(keep)) nodes.forEach((node) => node.remove());
    if (into) childrenOf(this.blocks.at(-1)).append(fragment(into));
    for (const html of blocks) {
      const made = fragment(html);
      this.blocks.push([...made.childNodes]);
      this.parts[0].before(made);
    }
    this.parts.forEach((part) => part.remove());
    this.parts = [];
    this.open(language === null ? "xm-text" : "xm-text xm-code");
    this.appendText(rest);
  }

  appendText(text) {
    this.tail.appendData(text);
    if (this.block.hidden && text.trim()) this.block.hidden = false;
    while (this.tail.length > BLOCK) {
      const end = this.tail.data.indexOf("\n", BLOCK);
      if (end < 0) return;
      const rest = this.tail.data.slice(end + 1);
      this.tail.deleteData(end, this.tail.length);
      if (this.tail.data.endsWith("\n")) this.tail.appendData("\n"); // a last newline has no height
      this.open(this.block.className);
      this.block.hidden = !rest.trim();
      this.tail.appendData(rest);
    }
  }
}

class View {
  constructor(turn, title, className) {
    this.turn = turn;
    this.title = title;
    this.who = element("span", "xm-who", title);
    this.figures = element("span", "xm-figures");
    this.dot = element("span", "xm-dot");
    this.said = element("span", "xm-said");
    this.said.setAttribute("role", "status");
    this.head = element("div", "xm-head");
    this.head.append(this.who, this.figures, this.dot, this.said);
    this.content = element("div", "xm-content jp-RenderedHTMLCommon"); // as JupyterLab shows HTML
    this.content.setAttribute("aria-busy", "true");
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
    this.content.setAttribute("aria-busy", "false");
    if (this.turn.over) this.element.append(element("div", "xm-note", `■ ${this.turn.over}`));
    this.tick();
  }

  clear() {
    this.content.replaceChildren();
    this.kind = this.fold = undefined;
    this.steps.clear();
  }

  append(kind, text, now) {
    if (isStep(kind)) return this.addStep(kind, JSON.parse(text), now);
    if (kind !== this.kind) this.begin(kind, now);
    if (!this.fold) return this.text.append(text);
    const body = this.text.element; // a fold of limited height: stay at its end, unless scrolled up
    const follows = body.scrollHeight - body.scrollTop - body.clientHeight < 8;
    this.text.append(text);
    if (follows) body.scrollTop = body.scrollHeight;
  }

  begin(kind, now) {
    this.endFold(now);
    this.kind = kind;
    this.text = new Text();
    if (kind !== "reasoning") return this.content.append(this.text.element);
    this.fold = element("details", "xm-thinking");
    this.foldLine = element("summary", "", "Thinking");
    this.foldSince = now;
    this.fold.open = true;
    this.fold.append(this.foldLine, this.text.element);
    this.content.append(this.fold);
  }

  addStep(kind, step, now) {
    this.endFold(now);
    this.kind = kind;
    if (kind === "call") {
      const fold = element("details", "xm-step");
      const given = Object.entries(step.args).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      const line = element("summary", "", `${step.name}(${given.join(", ")})`);
      fold.append(line);
      this.steps.set(step.id, fold);
      return this.content.append(fold);
    }
    const fold = this.steps.get(step.id);
    if (!fold) return;
    fold.firstChild.append(` · ${step.seconds.toFixed(1)} s${step.status === "error" ? " · failed" : ""}`);
    fold.append(element("div", "xm-text", step.text));
  }

  endFold(now) {
    if (!this.fold) return;
    this.foldLine.textContent = `Thought for ${(now - this.foldSince).toFixed(1)} s`;
    this.fold.open = false;
    this.fold = undefined;
  }

  tick() {
    const { first, tokens, ended, segments } = this.turn;
    const seconds = this.turn.seconds();
    const waits = !segments.length && ended === null; // a tool that runs is no waiting
    set(this.figures, waits ? `· waiting · ${seconds.toFixed(1)} s` : figures(tokens, first, seconds));
    set(this.said, `${this.title} ${waits ? "is waiting for the first token" : ended === null ? "is answering" : "has ended"}`);
    if (this.fold) set(this.foldLine, `Thinking · ${(seconds - this.foldSince).toFixed(0)} s`);
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
      button.disabled = phase !== "none";
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

function figures(tokens, first, seconds) {
  if (!tokens) return `· ${seconds.toFixed(1)} s`;
  const rate = tokens > 1 && seconds > first ? ` · ${((tokens - 1) / (seconds - first)).toFixed(1)} tokens/s` : "";
  return `· ${tokens.toLocaleString("en")} token${tokens === 1 ? "" : "s"}${rate} · ${seconds.toFixed(1)} s`;
}

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** Where the items of a list, or the rows of a table, are. */
function childrenOf(nodes) {
  const root = nodes.find((node) => node.nodeType === Node.ELEMENT_NODE);
  return root.tBodies?.[0] ?? root;
}

function isStep(kind) {
  return kind === "call" || kind === "result";
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function set(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export default () => {
  let turns, stop, place;

  return {
    initialize({ model }) {
      place = new Place(model);
      listenForButtons({ model: model.widget_manager?.context?.model, kernel: () => model.widget_manager?.kernel });
      turns = model.get("titles").map(() => new Turn());
      stop = new Stop(model);
      const ask = () => model.send({ kind: "resync" });
      const take = (message) => {
        if (message.stopping) stop.become("heard");
        if (message.ended) stop.become("ended");
        if ("n" in message && turns[message.column ?? 0].take(message)) ask();
      };
      model.on("msg:custom", take);
      turns.forEach((turn) => turn.asks()); // once for all of them
      ask(); // the first messages came before this page listened
      const tick = () => turns.forEach((turn) => turn.views.forEach((view) => view.tick()));
      const clock = setInterval(tick, 200);
      const listenNoMore = onKernelGone(model, (what) => {
        stop.become("gone");
        turns.forEach((turn) => turn.end(turn.seconds(), `${what}; the answer was not finished`));
        place.leave();
      });
      return () => {
        clearInterval(clock);
        listenNoMore();
        place.close();
        stop.become("ended");
        model.off("msg:custom", take);
      };
    },
    render({ model, el }) {
      const className = turns.length === 1 ? "xm-turn" : "xm-column";
      const views = model.get("titles").map((title, column) => new View(turns[column], title, className));
      const button = stop.button();
      if (views.length === 1) views[0].head.append(button);
      const shown = views.length === 1 ? views[0].element : columns(views, button);
      shown.dataset.lmSuppressShortcuts = "true"; // keys on the button are the button's
      el.append(shown);
      const hide = place.show(el);
      return () => {
        hide();
        views.forEach((view) => view.turn.views.delete(view));
        stop.buttons.delete(button);
      };
    },
  };
};
