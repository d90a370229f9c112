"""Every place in our output where hostile text can appear, filled with every vector."""

from hostile import VECTORS

IN_ANSWERS = ("markdown", "text", "json", "math", "code", "html")
"""Answer formats."""

PLACES = (
    *IN_ANSWERS,
    *("reasoning", "tool names", "tool results", "models", "errors", "schemas", "attachments"),
    *("registry", "running models", "machines", "conversations", "turns", "launches", "nothing"),
)
"""Where hostile text can appear."""


def show(place):
    """Render every vector in one place, as a single MIME bundle."""
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


def _ended(view, each):
    """Yield what stays of a launch that failed, and of one that is ready."""
    published = []
    view._started, view._output.replace = 0.0, published.append
    view.close(each, ok=False)
    view.ready(each, [each], [each])
    return published


def _launches(_):
    from xinference_magics.display.progress import PageLaunchView, Part
    from xinference_magics.plain import printable

    for each in VECTORS:
        view = PageLaunchView()
        view._title = printable(each)
        yield view._bundle(each, 0.5, [Part(each, each, None, each)])
        yield from _ended(view, each)


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
