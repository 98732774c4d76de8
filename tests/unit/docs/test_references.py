"""Codes, limits, metrics, files and links in the documents exist, and no code is left out."""

import re

import pytest

from infrastructure.observability.metrics import Metrics
from infrastructure.observability.worker_metrics import WorkerMetrics
from infrastructure.webhooks.messages import EVENT_TYPES, TEST_TYPE
from schema.errors import ErrorCode
from schema.execution.document_limits import DocumentLimits
from schema.service.scopes import SCOPES
from tests.unit.docs.pages import (
    BACK_ENDS,
    CONTRIBUTING,
    OPERATORS,
    PAGES,
    README,
    ROOT,
    WEB_DEVELOPERS,
    WEBHOOKS,
    Page,
)

LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)")
FILE = re.compile(r"`((?:benchmarks|docs|domain|infrastructure|schema|tests)/[\w./-]*)`")
CODE = re.compile(r"[A-Z_]{5,}")
VIEWER = (ROOT / "schema" / "schema.graphql").read_text()
SERVICE = (ROOT / "schema" / "service.graphql").read_text()
LIMIT = re.compile(r"`(\w+)` \((?:of the document, )?([\d,]+)")


def test_every_error_code_is_listed() -> None:
    rows = [row for page in (WEB_DEVELOPERS, BACK_ENDS) for row in page.table("`extensions.code`")]
    assert {code for row in rows for code in CODE.findall(row[0])} == set(ErrorCode)


def test_every_event_is_listed() -> None:
    listed = [
        name for row in WEB_DEVELOPERS.table("event") for name in re.findall(r"`(\w+)`", row[0])
    ]
    events = re.findall(r"^type (\w+) implements ProviderEvent", VIEWER, re.MULTILINE)
    assert sorted(listed) == sorted(events)


def test_every_type_of_webhook_is_listed_and_has_a_schema() -> None:
    types = {*EVENT_TYPES.values(), TEST_TYPE}
    assert {re.findall(r"`(.+)`", row[0])[0] for row in WEBHOOKS.table("type")} == types
    assert {file.stem for file in (ROOT / "docs" / "webhooks").iterdir()} == types


def test_limits_of_documents_are_those_of_the_code() -> None:
    (row,) = [row for row in WEB_DEVELOPERS.table("`extensions.code`") if "TOO_COMPLEX" in row[0]]
    listed = {name: int(number.replace(",", "")) for name, number in LIMIT.findall(row[1])}
    limits = DocumentLimits()
    for name in DocumentLimits.__dataclass_fields__:
        assert listed[name] == getattr(limits, name)


def test_every_scope_is_listed_with_its_fields() -> None:
    listed = {
        field: row[0].strip("`")
        for row in BACK_ENDS.table("scope")
        for field in re.findall(r"`(\w+)`", row[1])
    }
    assert listed == SCOPES


def test_results_for_back_ends_exist() -> None:
    results = [row[0].strip("`") for row in BACK_ENDS.table("result")]
    assert [f"type {result} implements Error" in SERVICE for result in results] == [True] * 5


def test_every_metric_is_listed() -> None:
    registries = (Metrics().registry, WorkerMetrics({}).registry)
    families = [family for registry in registries for family in registry.collect()]
    kept = {family.name + "_total" * (family.type == "counter") for family in families}
    assert {row[0].strip("`") for row in OPERATORS.table("metric")} == kept


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Page) -> None:
    for target, anchor in LINK.findall(page.prose):
        file = (page.path.parent / target).resolve() if target else page.path
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in Page(file).headings(), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_are_named_exist(page: Page) -> None:
    for name in FILE.findall(page.prose):
        assert (ROOT / name).exists(), name


def test_every_folder_is_listed() -> None:
    packages = [
        file.parent.relative_to(ROOT)
        for part in ("domain", "schema", "infrastructure")
        for file in (ROOT / part).rglob("__init__.py")
    ]
    listed = [row[0].strip("`") for row in CONTRIBUTING.table("folder")]
    assert sorted(listed) == sorted(f"{package}/" for package in packages)


def test_the_readme_is_short() -> None:
    assert len(README.text.splitlines()) <= 200
