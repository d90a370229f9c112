"""Arguments after a magic, parsed as the user means them."""

from dataclasses import FrozenInstanceError, dataclass, fields

import pytest

from xinference_magics.errors import UsageError
from xinference_magics.notebook.chatting.options import ChatOptions
from xinference_magics.notebook.command_line.arguments import (
    HelpRequested,
    Parser,
    extra_pairs,
    leading_options,
    nearest,
)
from xinference_magics.notebook.command_line.option import Option, given, options_of, sections_of
from xinference_magics.notebook.command_line.readers import literal, pair
from xinference_magics.notebook.commands import COMMANDS
from xinference_magics.notebook.commands.launch_options import LaunchOptions


@pytest.fixture
def chat():
    return Parser("%%chat", "", ChatOptions)


@pytest.fixture
def launch():
    return Parser("%xinference launch", "", LaunchOptions)


@pytest.mark.parametrize(
    ("text", "words", "rest"),
    [
        ("What's new?", [], "What's new?"),
        ("-t 0 What's new?", ["-t", "0"], " What's new?"),
        ("-5 + 3 = ?", [], "-5 + 3 = ?"),
        ("- a list", [], "- a list"),
        ("-s 'Be brief.' Hi  there", ["-s", "Be brief."], " Hi  there"),
        ("--max-tokens=5 x", ["--max-tokens=5"], " x"),
        ('-p top_k=1 -p \'stop=["a", "b"]\' go', ["-p", "top_k=1", "-p", 'stop=["a", "b"]'], " go"),
        ("-- --not-an-option", [], " --not-an-option"),
        ("", [], ""),
        ('--system="Be brief" hi', ["--system=Be brief"], " hi"),
        ("-s='a b' hi", ["-s=a b"], " hi"),
        ("--system= hi", ["--system="], " hi"),
        ("-s it's hi", ["-s", "it's"], " hi"),
        ('-p stop="a b" hi', ["-p", "stop=a b"], " hi"),
        ("-p stop='[\"a\"]' hi", ["-p", 'stop=["a"]'], " hi"),
        ('-t 0 "quoted" prompt', ["-t", "0"], ' "quoted" prompt'),
    ],
)
def test_a_prompt_begins_at_the_first_word_that_is_not_an_option(chat, text, words, rest):
    assert leading_options(text, chat) == (words, rest)


def test_a_misspelled_option_is_rejected_with_the_nearest(chat):
    meant = r"did you mean --temperature\? Put '--' before it to send it as text \("
    with pytest.raises(UsageError, match=f"no option --temprature; {meant}"):
        leading_options("--temprature 0 hi", chat)
    with pytest.raises(UsageError, match="no option --zzzz; put '--' before it"):
        leading_options("--zzzz hi", chat)


@pytest.mark.parametrize("text", ['-s "unclosed hi', "-ak 'unclosed hi", '--system="unclosed hi'])
def test_an_unclosed_quote_in_an_option_is_reported(chat, text):
    with pytest.raises(UsageError, match="a quote is not closed") as caught:
        leading_options(text, chat)
    assert "unclosed" not in str(caught.value)


def test_options_are_never_abbreviated(chat, launch):
    for words in (["-m", "/x"], ["-v", "1"], ["-l", "a", "b"]):
        _, unknown = launch.parse_known_args(["-n", "a", *words])
        assert unknown == words
    assert launch.parse(["-na", "-qq4_0"]).quantization == "q4_0"
    with pytest.raises(UsageError, match="no option --temp"):
        leading_options("--temp 0 hi", chat)
    with pytest.raises(UsageError, match="no option --syst"):
        chat.parse(["--syst", "x"])


def test_help_is_raised_not_printed(launch, capsys):
    with pytest.raises(HelpRequested, match="--quantization"):
        launch.parse(["-h"])
    assert capsys.readouterr().out == ""


def test_values_are_converted_and_bad_ones_rejected(launch):
    arguments = launch.parse(
        ["-n", "m", "-s", "7", "--gpu-idx", "0,1", "-r", "2", "--n-gpu", "none"]
    )
    assert arguments.model_size_in_billions == 7
    assert arguments.gpu_idx == [0, 1]
    assert arguments.replica == 2
    assert arguments.n_gpu is None
    with pytest.raises(UsageError, match="-r: must be at least 1, not 0"):
        launch.parse(["-n", "m", "-r", "0"])
    with pytest.raises(UsageError, match="launch: --model-name/-n is missing"):
        launch.parse([])


@pytest.mark.parametrize("engine", ["llama.cpp", "vLLM"])
def test_an_engine_is_not_taken_for_an_endpoint(launch, engine):
    with pytest.raises(UsageError, match=f"-e is --endpoint; the engine is -en {engine}"):
        launch.parse(["-n", "m", "-e", engine])
    assert launch.parse(["-n", "m", "-e", "vllm:9997"]).endpoint == "vllm:9997"


@pytest.mark.parametrize(("size", "value"), [("7", 7), ("0_5", "0_5"), ("1.8", "1.8")])
def test_sizes_are_sent_as_the_command_line_sends_them(launch, size, value):
    assert launch.parse(["-n", "m", "-s", size]).model_size_in_billions == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-n", ""], "it is empty"),
        (["-n", "m", "-t", "embeding"], "did you mean embedding?"),
        (["-n", "m", "--as", "not-a-name"], "not a valid variable name"),
        (["-n", "m", "--as", "class"], "not a valid variable name"),
        (["-n", "m", "--n-gpu", "many"], "'many' is not a number"),
        (["-n", "m", "-s", "big"], "'big' is not a number"),
    ],
)
def test_invalid_values(launch, words, message):
    with pytest.raises(UsageError, match=message):
        launch.parse(words)


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http"])
def test_a_port_is_in_the_valid_range(port):
    with pytest.raises(UsageError, match=r"is not a port from 1 to 65535|is not a number"):
        COMMANDS["serve"].parser().parse([f"--port={port}"])


def test_model_types_ignore_case(launch):
    assert launch.parse(["-n", "m", "-t", "llm"]).model_type == "LLM"


def test_pairs_of_words(launch):
    arguments = launch.parse(["-n", "m", "-ev", "A", "1", "-ev", "B", "2", "-lm", "l", "/p"])
    assert arguments.envs == [("A", "1"), ("B", "2")]
    assert arguments.lora_modules == [("l", "/p")]


@pytest.mark.parametrize("key", ["n_gpu_layers", "max_model_len", "gpu_memory_utilization"])
def test_extra_pairs_of_engines_are_not_taken_for_typos(launch, key):
    assert extra_pairs([f"--{key}", "1"], launch) == {key: 1}


def test_extra_pairs_are_typed(launch):
    assert extra_pairs(["--n_threads", "4", "--f16=true", "--label", "x"], launch) == {
        "n_threads": 4,
        "f16": True,
        "label": "x",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model_format", "x"], "did you mean --model-format"),
        (["--quantisation", "x"], "did you mean --quantization"),
        (["--n_threads"], "--n_threads needs a value"),
        (["--flash_attn", "--mlock"], "--flash_attn needs a value"),
        (["--quant", "f16"], "did you mean --quantization"),
        (["--uid", "x"], "did you mean --model-uid"),
        (["--engine", "x"], "did you mean --model-engine"),
        (["--size", "7"], "did you mean --size-in-billions"),
        (["word"], "unexpected word 'word'"),
    ],
)
def test_extra_pairs_that_look_misspelled_are_rejected(launch, words, message):
    with pytest.raises(UsageError, match=message):
        launch.parse(["m", *words])


@pytest.mark.parametrize("words", [["m"], ["-n", "m"], ["--model-name=m"]])
def test_a_model_is_named_by_the_first_word_or_its_flag(launch, words):
    arguments = launch.parse([*words, "--n_threads", "4", "-f", "ggufv2"])
    assert (arguments.model_name, arguments.model_format) == ("m", "ggufv2")
    assert arguments.extra == {"n_threads": 4}
    assert launch.format_usage() == "usage: %xinference launch NAME [OPTIONS]\n"


@pytest.mark.parametrize("words", [["m", "-n", "m"], ["m", "--model-name=n"]])
def test_a_model_is_named_once(launch, words):
    with pytest.raises(UsageError, match="launch: NAME is given twice: m and "):
        launch.parse(words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-t"], "%%chat: --temperature/-t needs a value (help"),
        (["-t", "0", "--temperature=1"], "%%chat: --temperature is given twice (help"),
        (["-t", "warm"], "%%chat: --temperature/-t: invalid float value: 'warm' (help"),
    ],
)
def test_a_value_that_is_missing_or_superfluous(chat, words, says):
    with pytest.raises(UsageError) as caught:
        chat.parse(words)
    assert says in str(caught.value)


def test_words_that_are_missing_together(launch):
    with pytest.raises(UsageError, match="--env/-ev needs 2 values"):
        launch.parse(["m", "-ev", "A"])
    with pytest.raises(UsageError, match="-s, --model-format/-f, --context-length/-c are missing"):
        COMMANDS["cal-model-mem"].parser().parse([])


def test_a_misspelt_option_is_named_before_what_is_missing_because_of_it(launch):
    with pytest.raises(UsageError, match="no option --name; did you mean --model-name"):
        launch.parse(["--name", "m"])
    with pytest.raises(UsageError, match="no option --name; did you mean --model-name"):
        COMMANDS["engine"].parser().parse(["--name", "m"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("none", None), ("True", True), ("4", 4), ("0.5", 0.5), ('["a"]', ["a"]), ("q4_0", "q4_0")],
)
def test_literals(text, value):
    assert literal(text) == value


def test_pair_needs_an_equals_sign():
    assert pair("a=b=c") == ("a", "b=c")
    with pytest.raises(Exception, match="is not KEY=VALUE"):
        pair("a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "is not a list of cells such as 3-7"),
        ("3-", "is not a list"),
        ("1-" + "9" * 30, "more than 1,000 cells"),
    ],
)
def test_cell_numbers(chat, text, message):
    assert chat.parse(["--cells", "3-5,1"]).cells == [3, 4, 5, 1]
    with pytest.raises(UsageError, match=message):
        chat.parse(["--cells", text])


def test_nearest_treats_underscores_as_dashes():
    assert nearest("--model_uid", ["--model-uid", "--model-engine"]) == "--model-uid"
    assert nearest("--zzz", ["--model-uid"]) is None


@pytest.mark.parametrize("kind", [ChatOptions, LaunchOptions])
def test_help_is_grouped_and_what_is_refused_comes_last(kind):
    sections = sections_of(kind)
    grouped = [option for _, options in sections for option in options]
    assert {*options_of(kind)} == {*grouped}
    assert len(grouped) == len(options_of(kind))
    assert all(options for _, options in sections)
    assert sections[-1][0] == "other"
    assert [option.flags[0] for option in sections[-1][1]] == ["--api-key"]
    shown = Parser("x", "", kind).format_help()
    headings = [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == [f"{title}:" for title, _ in sections]


def test_what_is_refused_comes_last_in_a_list_without_groups():
    [(title, options)] = sections_of(COMMANDS["engine"].takes)
    assert (title, options[-1].flags[0]) == ("", "--api-key")


def test_percent_signs_in_help_are_text():
    @dataclass(frozen=True, kw_only=True)
    class Options:
        a: str | None = given(Option(("--a",), help="for %%chat, 100 %"))

    parser = Parser("x", "", Options)
    assert "for %%chat, 100 %" in parser.format_help()


@pytest.mark.parametrize(
    ("typed_list", "message"),
    [
        ("a", "there is nothing to compare a with: type a,b"),
        ("a,", "a name is missing in 'a,': type a,b without spaces"),
        ("a,b,a", "a is listed twice"),
    ],
)
def test_a_list_of_models_to_compare(chat, typed_list, message):
    assert chat.parse(["--compare", "a,b"]).compare == ("a", "b")
    with pytest.raises(UsageError, match=message):
        chat.parse(["--compare", typed_list])


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_the_options_of_a_command_are_typed_and_frozen(command):
    """Each field is declared by an option, is found under its name, and is immutable."""
    declared = {field.name: field for field in fields(command.takes) if field.metadata}
    assert {option.name for option in options_of(command.takes)} == set(declared)
    options = command.takes(**dict.fromkeys(declared))
    for name in declared:
        with pytest.raises(FrozenInstanceError):
            setattr(options, name, 1)


def test_omitted_options_have_their_defaults(chat, launch):
    assert chat.parse([]) == ChatOptions()
    assert launch.parse(["-n", "m"]) == LaunchOptions(model_name="m")
