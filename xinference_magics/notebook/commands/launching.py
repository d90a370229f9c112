"""``%xinference launch`` and ``cancel``: complete the request, start the model, wait for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.errors import LaunchError, XinferenceError
from xinference_magics.notebook.chatting.options import ChatOptions
from xinference_magics.notebook.command_line.option import Values, given, other_letters
from xinference_magics.notebook.commands import launch_options
from xinference_magics.notebook.commands.command import UID, Command, ThereOptions
from xinference_magics.notebook.commands.launch_options import LaunchOptions
from xinference_magics.notebook.session.namespace import kind_of

if TYPE_CHECKING:
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.launching.launch import Cancellation, Launch
    from xinference_magics.cluster.launching.plan import LaunchPlan, LaunchRequest
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.display.progress import LaunchView
    from xinference_magics.notebook.session.session import Session


def launch(session: Session, options: LaunchOptions) -> str | LaunchPlan:
    """Launch a model, wait for it, put its object into the namespace, and return its UID.

    With ``--dry-run``, return the plan and start nothing.

    Raises:
        UsageError: The options contradict each other.
        LaunchError: The model did not start; the message has the server's own reason.
        KeyboardInterrupt: The wait was interrupted; the launch continues.
    """
    request = launch_options.request(options)  # raises before a server is contacted or started
    if options.dry_run:
        return _plan(session, session.connector.get_or_connect(options.endpoint), request, options)
    cluster = session.connector.get_or_serve(options.endpoint)
    plan = _plan(session, cluster, request, options)
    if plan.existing is None:
        return _launch(session, cluster, plan, options)
    if plan.existing.loading:
        return _join(session, cluster, plan, options)
    from xinference_magics.display.views import choose_launch_view

    running = cluster.describe(plan.existing.uid)
    notes = (*plan.said, plan.existing.said)
    _show(session, options, notes, choose_launch_view(cancellable=False), running)
    return running.uid


def _plan(
    session: Session, cluster: Cluster, request: LaunchRequest, options: LaunchOptions
) -> LaunchPlan:
    from xinference_magics.cluster.launching.plan import plan

    reuse = session.settings.reuse if options.reuse is None else options.reuse
    return plan(
        cluster,
        request,
        typed=launch_options.typed(options),
        hidden=launch_options.hidden(options),
        own=session.launches if reuse else None,
    )


def _launch(session: Session, cluster: Cluster, plan: LaunchPlan, options: LaunchOptions) -> str:
    """Start a new model."""
    # Names only: a value may be a secret that came from a variable.
    passed = [f"Passed on to the model: {', '.join(options.extra)}."] if options.extra else []
    notes = (*plan.said, *passed)
    launched = None
    try:
        with interrupts.deferred_sigint():  # an interrupt must not lose the UID
            launched = cluster.launch(plan.request)
            session.launches.note(cluster.endpoint, launched.uid, plan.request)
        return _finish(session, launched, options, notes)
    except KeyboardInterrupt as error:
        if launched is None:
            raise
        from xinference_magics.notebook.commands.waiting import detached

        raise detached(launched.uid, error) from None
    except XinferenceError:
        for line in notes if launched is None else ():
            session.say(line)
        raise


def _join(session: Session, cluster: Cluster, plan: LaunchPlan, options: LaunchOptions) -> str:
    """Wait for a launch already in progress, then check that it is the model asked for."""
    from xinference_magics.cluster.launching.launch import Launch
    from xinference_magics.cluster.launching.reuse import check
    from xinference_magics.notebook.commands.waiting import wait

    assert plan.existing is not None  # noqa: S101 - checked by `launch`
    launched = Launch(cluster, plan.existing.uid, plan.request)
    notes = (*plan.said, plan.existing.said)
    if options.no_wait:
        return _finish(session, launched, options, notes)

    def end(view: LaunchView, running: RunningModel) -> None:
        if plan.wanted.fits(running):
            _show(session, options, notes, view, running)
        else:
            view.close("ready", ok=True)

    running = wait(session, launched, notes, end)
    if plan.request.model_uid is None and not plan.wanted.fits(running):
        session.say(f"{running.uid} has {', '.join(plan.wanted.differences(running))}.")
        return _launch(session, cluster, plan, options)
    check(running, plan.wanted)
    return running.uid


def _finish(
    session: Session, launched: Launch, options: LaunchOptions, notes: tuple[str, ...]
) -> str:
    """Wait for a launch, unless ``--no-wait`` was given."""
    from xinference_magics.notebook.commands.waiting import going_on, wait

    if not options.no_wait:
        wait(session, launched, notes, partial(_show, session, options, notes))
        return launched.uid
    for line in (*notes, f"{launched.uid} is loading: {going_on(launched.uid)}"):
        session.say(line)
    return launched.uid


def _show(
    session: Session,
    options: LaunchOptions,
    notes: tuple[str, ...],
    view: LaunchView,
    running: RunningModel,
) -> None:
    """Put the model's object into the namespace, and show in one line what is ready."""
    use = session.use(running, options.as_name) if kind_of(running) else None
    build = " ".join(filter(None, (running.format, running.quantization)))
    facts = [", ".join(filter(None, (running.engine, build))), use.briefly if use else ""]
    if use and not use.is_bound:
        session.say(use.said)
    details = (f"Model uid: {running.uid}", *notes, *([use.said] if use and use.is_bound else []))
    view.ready(running.uid, [fact for fact in facts if fact], details)


@dataclass(frozen=True, kw_only=True)
class CancelOptions(ThereOptions):
    """The options of ``%xinference cancel``."""

    uid: str = given(replace(UID, help="UID of the loading model.", values=Values.LOADING))


def cancel(session: Session, options: CancelOptions) -> Cancellation:
    """Cancel a launch that is still loading, and report the outcome.

    Raises:
        LaunchError: It could not be cancelled, or the server lost the model in the process.
    """
    from xinference_magics.cluster.launching.launch import Launch
    from xinference_magics.notebook.commands.waiting import cancel_continues

    cluster = session.connector.visit(options.endpoint)
    uid = options.uid
    request = session.launches.of(cluster.endpoint, uid)
    if any(replica.loading for replica in cluster.replicas(uid)):
        session.say(f"Cancelling {uid}; this waits until its loading has stopped ...")
    try:
        result = Launch(cluster, uid, request).cancel()
    except KeyboardInterrupt:
        raise cancel_continues(uid) from None
    if result.state not in {"cancelled", "failed"}:
        raise LaunchError(result.message)
    session.say(result.message)
    return result


COMMANDS = (
    Command(
        "launch",
        "Launch a model, or reuse a running one that matches; returns its UID.",
        launch,
        LaunchOptions,
        (
            "uid = %xinference launch -n qwen2.5-instruct -s 0_5 -f ggufv2 -q q4_k_m",
            "%xinference launch -n my-model -f pytorch -q none --n_threads 4",
            "%xinference launch -n bge-m3 -t embedding --dry-run",
        ),
        note=other_letters(LaunchOptions, "%chat", ChatOptions),
    ),
    Command(
        "cancel",
        "Cancel a launch that is still loading.",
        cancel,
        CancelOptions,
        ("%xinference cancel my-model",),
        acts=True,
    ),
)
