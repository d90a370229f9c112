"""Files that cannot be attached: one line says why."""

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

READ = """
import sys
sys.modules.update(dict.fromkeys(("cryptography", "Crypto")))  # as where they are not installed
from pathlib import Path
from xinference_magics.errors import PromptError
from xinference_magics.notebook.attachments import _pdf_text
try:
    print(repr(_pdf_text(Path({path!r}))))
except PromptError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("password", "reason"),
    [("", "is required for AES algorithm"), ("secret", "File has not been decrypted")],
)
def test_an_encrypted_pdf_says_what_it_lacks(run_python, tmp_path, password, reason):
    path = str(tmp_path / "protected.pdf")
    with PdfWriter() as writer:
        drawn = DecodedStreamObject()
        drawn.set_data(b"BT ET")
        writer.add_blank_page(100, 100)[NameObject("/Contents")] = writer._add_object(drawn)
        writer.encrypt(password, "owner", algorithm="AES-128")
        writer.write(path)
    said, _ = run_python(READ.format(path=path)).communicate(timeout=60)
    assert said.startswith(f"{path} is no readable PDF: ")
    assert reason in said
