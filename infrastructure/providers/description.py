"""The catalogue as operators read it: what would be sent, without a secret."""

from collections.abc import Iterator, Mapping

from infrastructure.providers.catalogue import Catalogue, known_providers
from infrastructure.providers.entry import Condition, ProviderEntry


def describe(catalogue: Catalogue) -> str:
    """All providers of the catalogue; placeholders stand as they do in the file."""
    return "\n\n".join(
        "\n".join(_lines(slug, entry)) for slug, entry in sorted(catalogue.providers.items())
    )


def describe_known() -> str:
    """A line for each preset: its name, how it ends access, and the page it was read from."""
    return "\n".join(
        f"{name:<12} {_way(table):<62} {table['documentation']}"
        for name, table in sorted(known_providers().items())
    )


def _way(table: Mapping[str, object]) -> str:
    if "endpoint" in table:
        return f"{table.get('method', 'POST')} {table['endpoint']}"
    return "no way for apps" if "fields" not in table else "POST to your `endpoint`"


def _lines(slug: str, entry: ProviderEntry) -> Iterator[str]:
    yield f"[{slug}]" + (f"  {entry.name}" if entry.name else "")
    if entry.endpoint is None:
        yield "  no way for apps to end access"
    else:
        yield f"  {entry.method} {entry.endpoint}"
        yield from _headers(entry)
        hint = {"token_type_hint": "(the token's name)"} if entry.token_type_hint else {}
        for name, value in {**entry.fields, **hint}.items():
            yield f"  {entry.body} {name} = {value}"
        yield f"  tokens: {', '.join(entry.tokens) or 'none is sent'}; ends the {entry.ends}"
        yield f"  ended when {_alternatives(entry.success)}"
        if entry.gone:
            yield f"  had ended before when {_alternatives(entry.gone)}"
        yield f"  at most {entry.concurrency} at a time, {entry.per_second:g} a second"
        if entry.hosts:
            yield f"  hosts: {', '.join(entry.hosts)}"
    if entry.manage_url:
        yield f"  users end access at {entry.manage_url}"
    if entry.documentation:
        yield f"  documentation: {entry.documentation}"


def _headers(entry: ProviderEntry) -> Iterator[str]:
    if entry.client_auth == "basic":
        yield "  Authorization: Basic {client_id}:{client_secret}"
    elif entry.client_auth == "bearer":
        yield "  Authorization: Bearer {token}"
    for name, value in entry.headers.items():
        yield f"  {name}: {value}"


def _alternatives(conditions: tuple[Condition, ...]) -> str:
    return " or ".join(_condition(condition) for condition in conditions)


def _condition(condition: Condition) -> str:
    statuses = "/".join(str(status) for status in condition.status)
    members = "".join(f", {name} = {value!r}" for name, value in condition.json_.items())
    return f"{statuses}{members}"
