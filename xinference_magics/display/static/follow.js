// Comes before the module of the answers: keeps the end of what grows in sight, and says its end.

const SLACK = 16; // px from the end that still count as the end
const MARGIN = 8; // px to leave below the end

/**
 * Scrolls to the end of an element that grows, in everything that scrolls around it, as long as the
 * user is there: from the start if their cell made it, until they scroll away, type elsewhere or
 * select another cell; and again when they scroll back to the end.
 */
class Follower {
  constructor(element) {
    this.element = element;
    this.follows = undefined; // until it is in the page
    this.held = false; // by typing or selecting; only scrolling by hand ends that
    this.tops = new WeakMap();
    this.frame = 0;
    this.listeners = { scroll: this.onScroll, keydown: this.onKey, wheel: this.onHand, touchmove: this.onHand, pointerdown: this.onPointer };
    for (const [name, listener] of Object.entries(this.listeners)) {
      document.addEventListener(name, listener, { capture: true, passive: true });
    }
  }

  end() {
    cancelAnimationFrame(this.frame);
    for (const [name, listener] of Object.entries(this.listeners)) {
      document.removeEventListener(name, listener, { capture: true });
    }
  }

  /** Something has grown. */
  keep() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.element.isConnected) return;
      this.follows ??= this.isMine() || this.isAtEnd();
      if (this.selected() !== this.home) this.hold();
      if (this.follows) this.scroll();
    });
  }

  scroll() {
    let bottom = this.element.getBoundingClientRect().bottom + MARGIN;
    for (const scroller of this.scrollers()) {
      const end = endOf(scroller);
      if (bottom > end) {
        const top = scroller.scrollTop;
        scroller.scrollTop = top + Math.ceil(bottom - end);
        bottom -= scroller.scrollTop - top;
      }
      this.tops.set(scroller, scroller.scrollTop);
      bottom = Math.min(bottom, end);
    }
  }

  hold() {
    this.home = this.selected();
    this.held = true;
    this.follows = false;
  }

  /** Tells whether the user ran the cell just now, and has it before them. */
  isMine() {
    const cell = this.element.closest(".jp-Cell");
    this.home = this.selected();
    if (!cell || (this.home !== cell && this.home !== cell.nextElementSibling)) return false;
    const { top, bottom } = cell.getBoundingClientRect();
    const around = this.scrollers().filter((each) => each.contains(cell));
    return around.every((each) => top < endOf(each) && bottom > startOf(each));
  }

  isAtEnd() {
    const { bottom } = this.element.getBoundingClientRect();
    return this.scrollers().every((each) => bottom <= endOf(each) + SLACK && bottom > startOf(each));
  }

  /** The selected cell of the notebook. */
  selected() {
    return this.element.closest(".jp-Notebook")?.querySelector(".jp-Cell.jp-mod-active") ?? null;
  }

  /** What scrolls around it, from the inside. */
  scrollers() {
    const found = [];
    for (let each = this.element.parentElement; each; each = each.parentElement) {
      const canScroll = each.scrollHeight > each.clientHeight + 1;
      if (canScroll && /auto|scroll/.test(getComputedStyle(each).overflowY)) found.push(each);
    }
    return found;
  }

  onScroll = ({ target }) => {
    if (!target.contains?.(this.element) || target === document) return;
    const before = this.tops.get(target) ?? 0;
    this.tops.set(target, target.scrollTop);
    if (target.scrollTop < before) this.follows = false;
    if (!this.held && this.isAtEnd()) this.follows = true;
  };

  onKey = ({ target }) => {
    if (!this.element.contains(target) && target.closest?.(".cm-editor, input, textarea")) this.hold();
  };

  onHand = () => {
    this.held = false;
  };

  onPointer = ({ target }) => {
    if (target.contains?.(this.element)) this.held = false; // its scroll bar
  };
}

function startOf(scroller) {
  return scroller.getBoundingClientRect().top + scroller.clientTop;
}

function endOf(scroller) {
  return startOf(scroller) + scroller.clientHeight;
}

/** Where `announce` speaks; it has to be in the page before there is something to say. */
function announcer() {
  const found = document.querySelector("body > .xm-announcer");
  if (found) return found;
  const made = document.createElement("div");
  made.className = "xm-said xm-announcer";
  made.setAttribute("role", "status");
  document.body.append(made);
  return made;
}

/** Has a screen reader say a text that would not stay in the page long enough to be heard. */
function announce(text) {
  announcer().textContent = text;
}

/** Moves the focus out of an element that is about to go, to the cell that it is in. */
function leave(element) {
  if (!element.contains(document.activeElement)) return;
  const cell = element.closest(".jp-Cell");
  cell?.focus({ preventScroll: true });
  if (document.activeElement !== cell) cell?.closest(".jp-Notebook")?.focus({ preventScroll: true });
}
