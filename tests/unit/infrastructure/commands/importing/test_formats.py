"""A file in another format is named once."""

import gzip
import json
from pathlib import Path

import pytest

from infrastructure.commands.importing.formats import open_file, refuse_other_formats
from infrastructure.failures import OperatorError

LINE = b'{"id": 1}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(LINE, mtime=0), "gunzip"),
        (LINE.decode().encode("utf-16"), "iconv"),
        (b"PK\x03\x04", "ZIP"),
        (b"\xef\xbb\xbf \n" + json.dumps([{}]).encode(), "jq -c"),
    ],
)
def test_other_formats_are_refused_with_what_to_do(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "connections.jsonl"
    path.write_bytes(content)
    with open_file(path) as file, pytest.raises(OperatorError, match=message):
        refuse_other_formats(file)


@pytest.mark.parametrize("content", [b"", LINE, b"\xef\xbb\xbf" + LINE, b"rubbish\n" + LINE])
def test_lines_are_left_to_be_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "connections.jsonl"
    path.write_bytes(content)
    with open_file(path) as file:
        refuse_other_formats(file)
        assert file.read() == content
