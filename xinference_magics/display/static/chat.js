// A running turn. The text is only ever set as text, never as HTML. Messages from the kernel:
//   {n, add: [[kind, text], ...], tokens, first, now}   frame number n holds what is new
//   {n, all: [[kind, text], ...], tokens, first, now}   everything so far
//   {n}                                                 the number of the last frame
// A kind is "text", "reasoning", or a step of a tool with JSON as its text:
//   "call" {id, name, args} and "result" {id, status, text, seconds}.
//   {stopping: true}                                    Stop was heard
//   {ended: true}                                       nothing more comes; Stop is too late
// and to it: {kind: "resync"} (send everything) and {kind: "stop"}.

const INTERRUPT_AFTER = 600; // ms without an answer to Stop
const ASK_AGAIN_AFTER = 2000; // ms without an answer to "resync"
const BLOCK = 2000; // characters after which a block of text is closed, and never laid out again

/** What is known of a turn: one for each model, shared by all its views. */
class Turn {
  constructor() {
    this.number = 0;
    this.segments = [];
    this.tokens = 0;
    this.first = null;
    this.started = performance.now();
    this.stop = "none"; // none, asked, heard, ended
    this.asked = 0; // when everything was asked for; 0 when there is no need to
    this.views = new Set();
  }

  seconds() {
    return (performance.now() - this.started) / 1000;
  }

  /** Takes in a message; tells whether everything has to be asked for. */
  take(message) {
    if (message.stopping) this.stop = "heard";
    if (message.ended) this.stop = "ended";
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

  append({ n, add, tokens, first, now }) {
    this.number = n;
    this.tokens = tokens;
    this.first = first;
    this.started = performance.now() - now * 1000;
    for (const [kind, text] of add) {
      const last = this.segments.at(-1);
      if (last?.kind === kind && !isStep(kind)) last.texts.push(text);
      else this.segments.push({ kind, texts: [text], since: now });
      this.views.forEach((view) => view.append(kind, text, now));
    }
  }
}

/** Text that grows: closed blocks, which the browser lays out once, and an open one. */
class Text {
  constructor() {
    this.element = element("div", "xm-body");
    this.open();
  }

  open() {
    this.block = element("div", "xm-text");
    this.tail = this.block.appendChild(document.createTextNode(""));
    this.element.append(this.block);
  }

  append(text) {
    this.tail.appendData(text);
    while (this.tail.length > BLOCK) {
      const end = this.tail.data.indexOf("\n", BLOCK);
      if (end < 0) return;
      const rest = this.tail.data.slice(end + 1);
      this.tail.deleteData(end, this.tail.length);
      if (this.tail.data.endsWith("\n")) this.tail.appendData("\n"); // a last newline has no height
      this.open();
      this.tail.appendData(rest);
    }
  }
}

class View {
  constructor(turn, title, stop) {
    this.turn = turn;
    this.title = title;
    this.who = element("span", "xm-who", title);
    this.figures = element("span", "xm-figures");
    this.button = element("button", "xm-stop", "Stop");
    this.button.type = "button";
    this.button.title = "Stop the answer; what has arrived is kept";
    this.button.onclick = stop;
    this.said = element("span", "xm-said");
    this.said.setAttribute("role", "status");
    const head = element("div", "xm-head");
    head.append(this.who, this.figures, element("span", "xm-dot"), this.button, this.said);
    this.content = element("div", "xm-content");
    this.content.setAttribute("aria-busy", "true");
    this.element = element("div", "xm-turn");
    this.element.dataset.lmSuppressShortcuts = "true"; // keys on the button are the button's
    this.element.append(head, this.content);
    this.steps = new Map();
    for (const { kind, texts, since } of turn.segments) this.append(kind, texts.join(""), since);
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
    const { stop, first, tokens } = this.turn;
    const seconds = this.turn.seconds();
    set(this.figures, first === null ? `· waiting · ${seconds.toFixed(1)} s` : figures(tokens, first, seconds));
    set(this.said, `${this.title} ${first === null ? "is about to answer" : "is answering"}`);
    if (this.fold) set(this.foldLine, `Thinking · ${(seconds - this.foldSince).toFixed(0)} s`);
    this.button.disabled = stop !== "none";
    set(this.button, stop === "none" || stop === "ended" ? "Stop" : "Stopping");
  }
}

function figures(tokens, first, seconds) {
  const rate = tokens > 1 && seconds > first ? ` · ${((tokens - 1) / (seconds - first)).toFixed(1)} tokens/s` : "";
  return `· ${tokens.toLocaleString("en")} token${tokens === 1 ? "" : "s"}${rate} · ${seconds.toFixed(1)} s`;
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
  const turn = new Turn();

  const stopWith = (model) => () => {
    if (turn.stop !== "none") return;
    turn.stop = "asked";
    turn.views.forEach((view) => view.tick());
    model.send({ kind: "stop" });
    // A kernel that cannot hear the page while a cell runs can still be interrupted; but once the
    // turn has ended, it would be the next cell that is, and another one in the background.
    const isUnheard = () =>
      turn.stop === "asked" && turn.views.size > 0 && !model.get("background");
    setTimeout(() => isUnheard() && model.widget_manager?.kernel?.interrupt?.(), INTERRUPT_AFTER);
  };

  return {
    initialize({ model }) {
      const ask = () => model.send({ kind: "resync" });
      const take = (message) => turn.take(message) && ask();
      model.on("msg:custom", take);
      turn.asks() && ask(); // the first messages came before this page listened
      const clock = setInterval(() => turn.views.forEach((view) => view.tick()), 200);
      return () => {
        clearInterval(clock);
        turn.stop = "ended";
        model.off("msg:custom", take);
      };
    },
    render({ model, el }) {
      const view = new View(turn, model.get("title"), stopWith(model));
      turn.views.add(view);
      el.append(view.element);
      return () => turn.views.delete(view);
    },
  };
};
