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


def test_apollos_persisted_queries_fall_back_to_whole_documents(tmp_path: Path) -> None:
    with running(tmp_path, "serve") as server:
        done = json.loads(node.run("persisted.js", server.graphql, bearer(uuid7())))
    snapshot, disconnected = done["answers"]
    assert snapshot["eventCursor"]
    assert disconnected["disconnectProvider"]["__typename"] == "ConnectionNotFound"
    assert done["documents"] == [False, True, True]
