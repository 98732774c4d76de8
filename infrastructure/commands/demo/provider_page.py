"""What the demo's provider shows in a browser: which grants still work."""

from collections.abc import Iterable
from html import escape

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="2">
<title>{name}</title>
<body style="font: 1rem/1.6 system-ui; max-width: 40rem; margin: 3rem auto; padding: 0 1rem">
<h1 style="font-size: 1.4rem">{name}</h1>
<p>It issued the demo user's tokens, in the place of these providers.
Disconnect one in Unplug, and its tokens end here.</p>
<ul>
{grants}
</ul>
</body>
</html>
"""


def provider_page(name: str, grants: Iterable[tuple[str, bool]]) -> str:
    """HTML with a line for each grant: the provider's slug, and whether its tokens work."""
    lines = (
        f"<li>{escape(slug)}: {'access works' if active else 'access has ended'}</li>"
        for slug, active in grants
    )
    return _PAGE.format(name=escape(name), grants="\n".join(lines))
