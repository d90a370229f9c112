// Comes before the module of the answers: text whose complete blocks are HTML from the kernel.

const GROUP = 10; // blocks after which a paragraph begins a group of its own
const BLOCK = 2000; // characters after which a block of text is closed, and never laid out again

/** Text that grows: complete blocks as HTML, then text in parts, of which the last one is open. */
class Text {
  constructor(typeset) {
    this.typeset = typeset;
    this.element = element("div", "xm-body tex2jax_ignore mathjax_ignore");
    this.blocks = []; // the nodes of each
    this.openGroup();
    this.openBox(null);
  }

  append(piece) {
    if (typeof piece === "string") this.appendText(piece);
    else this.change(piece);
  }

  change({ keep, into, blocks, rest, language }) {
    for (const nodes of this.blocks.splice(keep)) nodes.forEach((node) => node.remove());
    if (into) this.typeset(inserted(into, (made) => childrenOf(this.blocks.at(-1)).append(made)));
    for (const html of blocks) {
      if (this.inGroup >= GROUP && html.startsWith("<p")) this.openGroup();
      this.inGroup += 1;
      this.blocks.push(inserted(html, (made) => this.box.before(made)));
      this.typeset(this.blocks.at(-1));
    }
    this.box.remove();
    this.openBox(language);
    this.appendText(rest);
  }

  /**
   * Begins a group of blocks, so that those before need not be laid out with each that comes. Margins
   * do not collapse between groups, so the first block is one that has none above.
   */
  openGroup() {
    this.group = element("div", "xm-group");
    this.inGroup = 0;
    this.element.append(this.group);
    if (this.box) this.group.append(this.box);
  }

  /** Begins the text after the blocks, in a box as that of complete code if it has a language. */
  openBox(language) {
    this.box = element("div", language === null ? "xm-rest" : "xm-rest xm-code");
    if (language) this.box.dataset.language = language;
    this.box.setAttribute("aria-live", "off"); // it is heard once its block is complete
    this.group.append(this.box);
    this.openPart();
  }

  openPart() {
    this.part = element("div", "xm-text");
    this.part.dir = "auto";
    this.part.hidden = true; // until it has more than line breaks
    this.tail = this.part.appendChild(document.createTextNode(""));
    this.box.append(this.part);
  }

  appendText(text) {
    this.tail.appendData(text);
    if (this.part.hidden && text.trim()) this.part.hidden = false;
    while (this.tail.length > BLOCK) {
      const end = this.tail.data.indexOf("\n", BLOCK);
      if (end < 0) return;
      const rest = this.tail.data.slice(end + 1);
      this.tail.deleteData(end, this.tail.length);
      if (this.tail.data.endsWith("\n")) this.tail.appendData("\n"); // a last newline has no height
      this.openPart();
      this.part.hidden = !rest.trim();
      this.tail.appendData(rest);
    }
  }
}

/** Makes nodes of HTML, and has them inserted. */
function inserted(html, insert) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const nodes = [...template.content.childNodes];
  insert(template.content);
  return nodes;
}

/** Where the items of a list, or the rows of a table, are. */
function childrenOf(nodes) {
  const root = nodes.find((node) => node.nodeType === Node.ELEMENT_NODE);
  return root.tagName === "DIV" ? root.querySelector("tbody") : root; // a table is in a box
}

/** Typesets the formulas in new blocks, as the page does it in plain output. */
function typesetter(model) {
  return (nodes) => {
    const latex = model.widget_manager?.rendermime?.latexTypesetter;
    if (!latex) return;
    const elements = nodes.filter((node) => node.nodeType === Node.ELEMENT_NODE);
    const found = elements.flatMap((each) => [each, ...each.querySelectorAll(".mathjax_process")]);
    found.filter((each) => each.matches(".mathjax_process")).forEach((each) => latex.typeset(each));
  };
}
