"""What a database URL names."""

from pathlib import Path

import pytest

from infrastructure.database.location import DatabaseLocation


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_server_has_no_file(scheme: str) -> None:
    assert DatabaseLocation.parse(f"{scheme}://me:x@db/unplug").file is None


def test_a_path_is_relative_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert DatabaseLocation.parse("sqlite://a.db").file == tmp_path / "a.db"
    assert DatabaseLocation.parse("sqlite:///var/a%20b.db").file == Path("/var/a b.db")


def test_a_symbolic_link_is_its_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "real.db")  # not created yet
    found = DatabaseLocation.parse(f"sqlite://{tmp_path}/link.db").file
    assert found == tmp_path / "data" / "real.db"
