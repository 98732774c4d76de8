"""GraphQL over HTTP, as the npm package graphql-http audits it."""

import json
from pathlib import Path

from uuid_utils.compat import uuid7

from tests.support import node
from tests.support.processes import bearer, running


def test_all_audits_are_ok_and_none_warns(tmp_path: Path) -> None:
    with running(tmp_path, "serve", INTROSPECTION="true") as server:
        results = json.loads(node.run("audit.js", server.graphql, bearer(uuid7())))
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) >= 61
