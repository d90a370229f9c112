"""PDFs that cannot be attached: one line says why."""

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from xinference_magics.errors import PromptError
from xinference_magics.notebook.arguments import Parser
from xinference_magics.notebook.attachments import attached
from xinference_magics.notebook.options import CHAT

WITHOUT_AES = """
import sys
sys.modules.update(dict.fromkeys(("cryptography", "Crypto")))  # as where they are not installed
from pathlib import Path
from xinference_magics.errors import PromptError
from xinference_magics.notebook.attachments import _file
try:
    print(_file({path!r}))
except PromptError as error:
    print(error)
"""


@pytest.fixture
def pdf(tmp_path):
    """Write a page without text: `pdf()`, or `pdf("password")` for an encrypted one."""

    def write(password=None):
        path = str(tmp_path / "page.pdf")
        with PdfWriter() as writer:
            drawn = DecodedStreamObject()
            drawn.set_data(b"0 0 9 9 re f")
            writer.add_blank_page(100, 100)[NameObject("/Contents")] = writer._add_object(drawn)
            if password is not None:
                writer.encrypt(password, "owner", algorithm="AES-128")
            writer.write(path)
        return path

    return write


def attach(path):
    return [*attached(Parser("%chat", "", CHAT).parse(["--file", path]), {})]


def test_a_scanned_one_has_no_text(pdf):
    with pytest.raises(PromptError, match=r"page\.pdf has no text that can be read.*--image"):
        attach(pdf())


def test_one_with_a_password_is_not_read(pdf):
    with pytest.raises(PromptError, match="is no readable PDF: File has not been decrypted"):
        attach(pdf("secret"))


def test_an_encrypted_one_takes_a_package_that_may_not_be_there(pdf, run_python):
    path = pdf("")
    said, _ = run_python(WITHOUT_AES.format(path=path)).communicate(timeout=60)
    assert said.startswith((f"{path} is no readable PDF: ", f"{path} has no text"))
