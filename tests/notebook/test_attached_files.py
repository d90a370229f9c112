"""Text in every encoding, and PDFs: read, or rejected with a line that says why."""

import re

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from xinference_magics.errors import PromptError
from xinference_magics.notebook.chatting.options import ChatOptions
from xinference_magics.notebook.command_line.arguments import Parser
from xinference_magics.notebook.prompt.attachments import attached
from xinference_magics.notebook.prompt.expand import expand

WITHOUT_AES = """
import sys
sys.modules.update(dict.fromkeys(("cryptography", "Crypto")))  # as where they are not installed
from pathlib import Path
from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.attachments import _file
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
    return [*attached(Parser("%chat", "", ChatOptions).parse(["--file", path]), {})]


def test_a_scanned_pdf_has_no_text(pdf):
    with pytest.raises(PromptError, match=r"page\.pdf contains no readable text.*--image"):
        attach(pdf())


def test_a_pdf_with_a_password_is_not_read(pdf):
    with pytest.raises(PromptError, match="is not a readable PDF: File has not been decrypted"):
        attach(pdf("secret"))


def test_an_encrypted_pdf_needs_a_package_that_may_be_missing(pdf, run_python):
    path = pdf("")
    said, _ = run_python(WITHOUT_AES.format(path=path)).communicate(timeout=240)
    assert said.startswith((f"{path} is not a readable PDF: ", f"{path} contains no readable text"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["", "Grüße, 你好, 😀\r\nEnd", "plain"])
def test_unicode_is_read(tmp_path, encoding, text):
    path = tmp_path / "notes.txt"
    path.write_bytes(text.encode(encoding))
    assert attach(str(path)) == [f"\n\nFile notes.txt:\n{text}\n"]


def test_big_endian_unicode_is_read(tmp_path):
    for encoding in ("utf-16-be", "utf-32-be"):
        path = tmp_path / "notes.txt"
        path.write_bytes("\ufeffGrüße".encode(encoding))
        assert attach(str(path)) == ["\n\nFile notes.txt:\nGrüße\n"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # from what the hint opens
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus München – schöne Straße, 5 €", "cp1252"),
        ("city;visitors\nKöln;3\n", "cp1252"),
        ("The “quick” fox — it’s £5", "cp1252"),
        ("Señor Núñez, ¿cómo está?", "cp1252"),
        ("Привет, мир! Как дела?", "cp1251"),
        ("你好世界,这是一个测试文件。请总结以下内容。", "gb18030"),
        ("city,visitors\n北京,100\n上海,200\n", "gb18030"),
        ("これは日本語のテキストです。", "cp932"),
        ("한국어 텍스트입니다. 안녕하세요.", "cp949"),
        ("繁體中文測試檔案", "big5"),
        ("机器学习\n", "gb18030"),
        ("姓名,年龄\n张三,25\n李四,30\n", "gb18030"),
        ("기계 학습\n", "cp949"),
        ("hello\n", "utf-16-le"),
        ("Grüße, 你好, 😀\n", "utf-16-le"),
        ("这是 一个测试文件。\n", "utf-16-be"),
    ],
)
def test_another_encoding_is_named_with_code_that_reads_it(tmp_path, text, encoding):
    path = tmp_path / "it's.txt"
    path.write_bytes((text * 3).encode(encoding))
    said = rf"it's\.txt is not UTF-8; it may be {encoding}\. If so, insert it with (.*)\."
    with pytest.raises(PromptError, match=said) as raised:
        attach(str(path))
    assert expand(re.search(said, str(raised.value))[1], {}).text == text * 3


def test_a_long_file_is_not_cut_within_a_character(tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes("这是一个测试文件。请总结以下内容。\n".encode("gbk") * 9_000)
    with pytest.raises(PromptError, match="it may be gb18030"):
        attach(str(path))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"\x7fELF\x02\x01\x01\x00\xff",
        b"\x89PNG\r\n\x1a\n\x00\xff",
        b"\0\1\2",
        bytes(range(256)) * 2,
        b"a\0\1\0b\0",
        b"R\0I\0F\0\0\xd8",
        b"PK\3\4\0\0",
        b"a" * 100_000 + b"\0",
    ],
)
def test_binary_files_are_rejected(tmp_path, data):
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    with pytest.raises(PromptError, match=r"data\.bin is not a text file\."):
        attach(str(path))


NO_FILE = r"--image \S+: there is no such file, and as an expression"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nope.png", r"--image nope\.png: there is no such file\. This notebook's folder is /"),
        ("photos/nope", rf"{NO_FILE}: NameError: name 'photos' is not defined\. This notebook's f"),
        (
            "imagee/255",
            rf"{NO_FILE}: NameError: .* Did you mean image\? This notebook's folder is /",
        ),
        ("image/255", rf"{NO_FILE}: TypeError: unsupported operand .* This notebook's folder is /"),
        ("imagee", r"name 'imagee' is not defined\. Did you mean image\?"),
    ],
)
def test_a_missing_image_is_not_mistaken_for_a_misspelled_variable(named, said):
    arguments = Parser("%chat", "", ChatOptions).parse(["--image", named])
    with pytest.raises(PromptError, match=said):
        [*attached(arguments, {"image": None})]


def test_a_variable_may_name_a_file_or_an_address(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    variables = {"path": path, "name": str(path), "url": "https://example.org/a.wav"}
    words = ["--audio", "path", "--audio", "name", "--audio", "url"]
    first, second, third = attached(Parser("%chat", "", ChatOptions).parse(words), variables)
    assert first == second
    assert first["extras"] == {"name": "a.wav"}
    assert third == {"type": "audio", "url": variables["url"]}
    with pytest.raises(PromptError, match="--audio text: a str is not a sound"):
        [*attached(Parser("%chat", "", ChatOptions).parse(["--audio", "text"]), {"text": "la"})]
