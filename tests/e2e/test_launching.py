"""Launching from a real kernel: planned, joined, reused, cancelled, and refused in one line."""

import pytest


def launched(kernel, line):
    """Run a launch; return the text of what it shows."""
    return kernel.run(line).displays[0]["text/plain"]


ODD = "an odd: ö?#%41"
LAUNCH = "%xinference launch -n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env"


@pytest.fixture
def kernel(kernel, tiny_registered):
    return kernel


def fails(kernel, line, *parts):
    reply = kernel.run(line)
    assert reply.status == "error", reply
    assert "Traceback" not in reply.stdout
    error = reply.stdout.splitlines()[-1]
    for part in parts:
        assert part in error


def test_a_dry_run_shows_the_choice_and_no_secret(kernel, cluster):
    reply = kernel.run(
        f"plan = {LAUNCH} -u {ODD.split(maxsplit=1)[0]} --env HF_TOKEN sk-hidden --dry-run\nplan"
    )
    (shown,) = reply.displays
    assert "sk-hidden" not in str(reply)
    for kind in ("text/plain", "text/html"):
        assert "llama.cpp" in shown[kind]
        assert "chosen" in shown[kind]
        assert "Nothing was launched" in shown[kind]
    assert kernel.value("plan.request.model_engine, plan.body()['n_threads']") == "('llama.cpp', 1)"
    assert kernel.value("'sk-hidden' in repr(plan)") == "False"
    assert cluster.replicas(ODD.split(maxsplit=1)[0]) == []


def test_a_launch_is_joined_then_reused(kernel, cluster):
    named = f'{LAUNCH} -u "{ODD}"'
    reply = kernel.run(f"uid = {named} --no-wait")
    assert f'%xinference use "{ODD}" uses it' in reply.stdout
    assert any(replica.loading for replica in cluster.replicas(ODD))

    reply = kernel.run(f"uid = {named}", timeout=240)
    assert f"{ODD} is already loading; waiting for it." in reply.displays[0]["text/plain"]
    assert f"✓ {ODD} ready in" in reply.displays[-1]["text/plain"]
    assert kernel.value("uid, llm.model_uid") == str((ODD, ODD))

    assert "is already running; using it" in launched(kernel, f"uid = {named}")
    assert "is already running; using it" in launched(kernel, f"uid = {named} --n_ctx 64")
    running = len(cluster.models())
    assert "is already running; using it" in launched(kernel, "uid = " + LAUNCH)
    assert len(cluster.models()) == running
    assert kernel.run("%%chat -t 0\nHello!").status == "ok"

    fails(kernel, f'{LAUNCH} -u "{ODD}" -r 2', "is taken by a model with replicas 1", "-u NAME")
    fails(kernel, f"{named} --force", "already in the model list", f'%xinference use "{ODD}"')
    fails(kernel, f'%xinference cancel "{ODD}"', f'%xinference terminate "{ODD}" stops it')
    assert "Terminated" in kernel.run(f'%xinference terminate "{ODD}"').stdout
    fails(kernel, f'%xinference cancel "{ODD}"', "No launch of an odd: ö?#%41 is in progress")


def test_another_is_started_on_request_and_cancelled_while_it_loads(kernel, cluster):
    reply = kernel.run(f"uid = {LAUNCH} -u forced --force --no-wait")
    assert "forced is loading" in reply.stdout
    reply = kernel.run("%xinference cancel forced")
    assert reply.status == "ok", reply
    assert reply.stdout.endswith("The launch of forced was cancelled.\n")
    assert not any(each.ready or each.loading for each in cluster.replicas("forced"))
    assert kernel.run("%xinference cancel forced").stdout.endswith("has already failed.\n")


def test_an_impossible_launch_is_refused_in_one_line(kernel):
    launch = "%xinference launch -n tiny-chat"
    fails(kernel, f"{launch} -f ggufv2 -q q4_0", "-q q4_0 is not offered", "-f ggufv2", "f16")
    fails(kernel, f"{launch} -s 7", "-s 7 is not offered", "0_002")
    fails(kernel, f"{launch} -en lama.cpp", "Did you mean llama.cpp?")
    fails(kernel, f"{launch} -en transformers -f ggufv2", "It is offered with -en llama.cpp.")
    fails(kernel, f"{launch} -u a/b", "No URL can name the UID 'a/b'")
    fails(
        kernel, f"{launch} --worker-ip 127.0.0.9", "has no worker 127.0.0.9", "Workers: 127.0.0.1:"
    )
    fails(kernel, f"{launch} -t embeding", "did you mean embedding?")
    fails(kernel, "%xinference launch -n bge-m4 -t embedding", "Did you mean bge-m3")
    fails(kernel, "%xinference launch -n qwen2.5-instrct", "Did you mean qwen2.5-instruct")


def test_a_line_from_old_documentation_is_answered_with_one_that_works(kernel):
    reply = kernel.run("%xinference launch -n vicuna-v1.3 -f ggmlv3")
    assert "no longer in Xinference's registry, and ggmlv3 is now ggufv2" in reply.stdout
    line = reply.stdout[reply.stdout.index("%xinference launch") :].strip()
    assert line.startswith("%xinference launch -n llama-2-chat -f ggufv2 -s 7 -q ")
    assert kernel.value(f"{line} --dry-run").count("typed") == 4


def test_unspecified_options_are_chosen_for_other_types(kernel):
    line = "%xinference launch -n bge-m3 -t embedding --dry-run"
    shown = kernel.value(line)
    assert "sentence_transformers" in shown
    assert "chosen" in shown


def test_the_trait_turns_reuse_off(kernel, cluster, tiny_chat):
    line = "%xinference launch -n tiny-chat -f ggufv2 --dry-run"
    assert "is already running; the launch would use it" in kernel.value(line)
    kernel.run("%config XinferenceMagics.reuse = False")
    assert "already" not in kernel.value(line)
    assert "is already running; the launch would use it" in kernel.value(f"{line} --reuse")
