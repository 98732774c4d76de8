"""The page's files: complete, under a strict policy, and cheap to ask for again."""

import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from infrastructure.web.page import Logo, PageContent, ShownProvider, page_routes

WEB = Path(str(files("infrastructure") / "web" / "static"))


@pytest.fixture
def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=page_routes()))
    return httpx.AsyncClient(transport=transport, base_url="http://unplug.test")


async def test_every_file_is_served_as_what_it_is(client: httpx.AsyncClient) -> None:
    types = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for file in WEB.iterdir():
        if file.name != "index.html":
            answer = await client.get(f"/page/{file.name}")
            assert answer.status_code == 200
            assert answer.content == file.read_bytes()
            assert answer.headers["content-type"].startswith(types[file.suffix[1:]])
    answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert b"{{" not in answer.content


async def test_what_operators_say_is_text_and_never_markup() -> None:
    odd = "\"'><img src=x onerror=alert(1)>{{privacy}}"
    picture = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    content = PageContent(
        app_name=odd,
        reconnect_url=f"https://a.example/{odd}",
        privacy_url=f"https://a.example/{odd}",
        providers={"../x": ShownProvider(name=odd, logo=Logo(suffix=".svg", content=picture))},
    )
    transport = httpx.ASGITransport(Starlette(routes=page_routes(content)))
    async with httpx.AsyncClient(transport=transport, base_url="http://unplug.test") as client:
        page = (await client.get("/")).text
        assert "<img src=x" not in page
        (logo,) = re.findall(r"page/logos/[0-9a-f]{24}\.svg", page)
        answer = await client.get(f"/{logo}")
    assert answer.content == picture
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/theme.css"])
async def test_nothing_but_this_origin_is_allowed(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = {
        directive.split()[0]: directive.split()[1:]
        for directive in headers["content-security-policy"].split(";")
    }
    for closed in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[closed] == ["'none'"]
    for own in ("script-src", "style-src", "connect-src", "img-src"):
        assert policy[own] == ["'self'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_a_browser_asks_every_time_and_is_sent_only_what_is_new(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get("/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    known = {"if-none-match": f'"something", W/{first.headers["etag"]}'}
    again = await client.get("/page/main.js", headers=known)
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    other = await client.get("/page/store.js", headers=known)
    assert other.status_code == 200


async def test_only_the_files_of_the_page_are_there(client: httpx.AsyncClient) -> None:
    for path in ("/page/", "/page/../page.py", "/page/%2e%2e/page.py", "/page/index.html"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post("/")).status_code == 405
    assert (await client.head("/")).content == b""


def test_the_page_refers_to_its_own_files_and_to_nothing_else() -> None:
    names = {file.name for file in WEB.iterdir()}
    for file in WEB.iterdir():
        text = file.read_text()
        for reference in re.findall(r'(?:src|href)="(?!#)([^"]+)"', text):
            assert reference.removeprefix("page/") in names, f"{file.name}: {reference}"
        for module in re.findall(r'^import .* from "\./([^"]+)";$', text, re.MULTILINE):
            assert module in names, f"{file.name}: {module}"
        hosts = set(re.findall(r"https?://([^/\s\"]+)", text))
        assert hosts <= {"www.w3.org", "unplug.example.com"}, file.name


def test_the_client_module_can_be_lifted_as_it_is() -> None:
    client = (WEB / "unplug-client.js").read_text()
    assert "import" not in client
    assert "document" not in client
