"""Import files: opened, and refused at once when they hold no lines of JSON."""

import sys
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import cast

from infrastructure.failures import OperatorError

_MAGIC = {
    b"\x1f\x8b": "is compressed with gzip: gunzip -c FILE | unplug import -",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: zstd -dc FILE | unplug import -",
    b"\xfd7zXZ\x00": "is compressed with xz: xz -dc FILE | unplug import -",
    b"BZh": "is compressed with bzip2: bunzip2 -c FILE | unplug import -",
    b"PK\x03\x04": "is a ZIP archive: unzip -p FILE | unplug import -",
    b"SQLite format 3\x00": "is a SQLite database",
    b"PAR1": "is a Parquet file",
    b"\xff\xfe": "is UTF-16: iconv -f UTF-16 -t UTF-8 FILE | unplug import -",
    b"\xfe\xff": "is UTF-16: iconv -f UTF-16 -t UTF-8 FILE | unplug import -",
    b"[": "is a JSON array, not one object per line: jq -c '.[]' FILE | unplug import -",
}


def open_file(path: Path) -> AbstractContextManager[BufferedReader]:
    """Standard input for `-`, which stays open. Raises `OSError`."""
    if path == Path("-"):
        return nullcontext(cast("BufferedReader", sys.stdin.buffer))
    return path.open("rb")


def refuse_other_formats(file: BufferedReader) -> None:
    """Looks at the beginning of a file without reading on. Raises `OperatorError`."""
    beginning = file.peek(16)
    for magic, advice in _MAGIC.items():
        if beginning.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(magic):
            raise OperatorError(f"{file.name} {advice}.")
