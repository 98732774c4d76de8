"""The proxies that the environment names."""

from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2


def proxy_for(url: str, host: str) -> str | None:
    """The proxy's URL; None for a host that is reached without one."""
    return None if proxy_bypass(host) else getproxies().get(urlsplit(url).scheme)


def proxy(url: str) -> httpcore2.Proxy:
    """From a URL with user and password, or HOST:PORT."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    auth = None
    if parts.username is not None:
        auth = unquote(parts.username), unquote(parts.password or "")
    return httpcore2.Proxy(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", auth=auth)
