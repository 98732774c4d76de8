"""An IDE for GraphQL in the browser: Strawberry's GraphiQL page, signed in."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from strawberry.http.ides import get_graphql_ide_html

_HEADERS = "const defaultHeaders = {};"
_SUBSCRIPTIONS = "subscriptionUrl,\n      });"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ide:
    """A page in HTML, and the content security policy under which it works."""

    html: str
    policy: str


def ide(token: str) -> Ide:
    """GraphiQL that sends the token with every operation, over HTTP and WebSocket.

    Its scripts and styles come from the host that Strawberry's page names, verified by their
    hashes. Raises `ValueError` when that page is not the one that is known.
    """
    html = get_graphql_ide_html("graphiql")
    if not (html.count(_HEADERS) == html.count(_SUBSCRIPTIONS) == 1):
        raise ValueError("Strawberry's GraphiQL page has changed")
    headers = json.dumps({"authorization": f"Bearer {token}"})
    html = html.replace(_HEADERS, f"const defaultHeaders = {headers};").replace(
        _SUBSCRIPTIONS, f"wsConnectionParams: defaultHeaders,\n        {_SUBSCRIPTIONS}"
    )
    return Ide(html=html, policy=_policy(html))


def _policy(html: str) -> str:
    """Allows the page's own script, what it loads, and requests to this origin."""
    loaded = " ".join(sorted(set(re.findall(r'(?:src|href)="(https://[^/"]+)/', html))))
    scripts = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    )
    return (
        f"default-src 'none'; script-src {loaded} {scripts}; "
        f"style-src {loaded} 'unsafe-inline'; connect-src 'self'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
