"""URLs of servers, with passwords in them.

What is wrong with one is found out here, before a driver quotes a piece of it in an exception.
"""

from urllib.parse import parse_qsl, urlsplit


def check_server_url(url: str) -> None:
    """`ValueError` when its parts can't be told apart, most often for an unescaped character.

    Several hosts may follow each other, separated by commas.
    """
    try:
        parts = urlsplit(url)
        for host in parts.netloc.rpartition("@")[2].split(","):
            urlsplit(f"//{host}").port  # noqa: B018 (it raises)
        if parts.query:
            parse_qsl(parts.query, strict_parsing=True)
        readable = "#" not in url
    except ValueError:
        readable = False
    if not readable:
        raise ValueError("can't be read: write / ? # @ in a password as %2F %3F %23 %40")
