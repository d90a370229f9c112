"""Our errors are LangChain's, whatever is imported first."""

import copy
import inspect
import pickle
import subprocess
import sys

import pytest
from langchain_core import exceptions

from xinference_magics import errors

BOTH = (
    (errors.ServerError, exceptions.ModelError),
    (errors.AuthenticationError, exceptions.ModelAuthenticationError),
    (errors.PermissionDeniedError, exceptions.ModelPermissionDeniedError),
    (errors.ModelNotFoundError, exceptions.ModelNotFoundError),
    (errors.ModelNotReadyError, exceptions.ModelAPIError),
    (errors.RateLimitError, exceptions.ModelRateLimitError),
    (errors.InternalServerError, exceptions.ModelAPIError),
    (errors.BadRequestError, exceptions.ModelInvalidRequestError),
    (errors.ContextLengthError, exceptions.ContextOverflowError),
    (errors.ConnectError, exceptions.ModelConnectionError),
    (errors.TimedOutError, exceptions.ModelTimeoutError),
    (errors.StreamError, exceptions.ModelAPIError),
)
OURS_ALONE = (
    errors.XinferenceError,
    errors.LocalServerError,
    errors.PromptError,
    errors.NotebookError,
)
ERRORS = [each for each in vars(errors).values() if inspect.isclass(each)]
ERRORS = [each for each in ERRORS if issubclass(each, errors.XinferenceError)]


@pytest.mark.parametrize(("ours", "theirs"), BOTH)
def test_each_error_has_its_langchain_base(ours, theirs):
    assert issubclass(ours, theirs)
    assert f"{ours.__name__} " in errors.__doc__
    assert theirs.__name__ in errors.__doc__


@pytest.mark.parametrize("ours", OURS_ALONE)
def test_errors_without_a_model_are_not_those_of_langchain(ours):
    assert not issubclass(ours, exceptions.LangChainException)
    assert not ours.is_retryable


RETRYABLE = {"ModelNotReadyError", "RateLimitError", "InternalServerError", "StreamError"}


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_that_are_retryable(kind):
    assert kind("x").is_retryable is (kind.__name__ in RETRYABLE)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_can_be_pickled_and_copied(kind):
    error = kind("what happened", hint="what to do")
    error.is_retryable = True
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301  # our own
        assert type(other) is kind
        assert vars(other) == vars(error)
        assert str(other) == "what happened what to do"


CHECKED = "assert issubclass(ContextLengthError, ContextOverflowError), ContextLengthError.__mro__"
OURS = "from xinference_magics.errors import ContextLengthError"
THEIRS = "from langchain_core.exceptions import ContextOverflowError"
FOUND = "import importlib.util; importlib.util.find_spec('langchain_core.exceptions')"
THREADS = """
import threading
def theirs(): import langchain_core.exceptions
both = [threading.Thread(target=theirs) for _ in range(4)]
for each in both: each.start()
from xinference_magics.errors import ContextLengthError
for each in both: each.join()
"""


RAISED = f"""
{OURS}
raised = ContextLengthError("x")
{THEIRS}
assert isinstance(raised, ContextOverflowError)
"""


def run(*lines):
    code = "\n".join(["import sys", *lines])
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize(
    "order",
    [
        [OURS, THEIRS],
        [THEIRS, OURS],
        ["from xinference_magics import ChatXinference", THEIRS, OURS],
        [OURS, FOUND, FOUND, THEIRS],
        [OURS, "import langchain_core.messages", THEIRS],
        [THREADS, THEIRS],
        [RAISED],
    ],
)
def test_in_every_order(order):
    run(*order, CHECKED)


def test_no_finder_is_left_in_sys_meta_path():
    run("before = [*sys.meta_path]", OURS, THEIRS, "assert sys.meta_path == before")


def test_our_errors_alone_do_not_import_langchain():
    run(OURS, "assert not {'langchain_core', 'pydantic'} & sys.modules.keys()")
