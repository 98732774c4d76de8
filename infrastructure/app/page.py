"""What the page shows of the settings and the catalogue."""

from collections.abc import Sequence
from pathlib import Path

from starlette.routing import BaseRoute

from infrastructure.providers.catalogue import Catalogue
from infrastructure.settings import Settings
from infrastructure.web.page import Logo, PageContent, ShownProvider, page_routes


def page(settings: Settings, catalogue: Catalogue) -> Sequence[BaseRoute]:
    """Routes of the page; none when it is off. A picture is read once, at the start."""
    if not settings.page:
        return []
    shown = {
        slug: ShownProvider(name=entry.name, logo=_logo(entry.logo))
        for slug, entry in catalogue.providers.items()
        if entry.name or entry.logo
    }
    return page_routes(
        PageContent(
            app_name=settings.app_name,
            reconnect_url=settings.reconnect_url,
            privacy_url=settings.privacy_url,
            providers=shown,
        )
    )


def _logo(file: Path | None) -> Logo | None:
    return Logo(suffix=file.suffix, content=file.read_bytes()) if file else None
