"""The databases on which revocation is tested."""

from pathlib import Path

import pytest

from tests.e2e.revoking.site import Site


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    if request.param == "sqlite":
        return Site(tmp_path)
    return Site(tmp_path, request.getfixturevalue("postgres_url"))
