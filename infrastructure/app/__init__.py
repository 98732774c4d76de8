"""Where all parts meet: an application and its parts."""

from infrastructure.app.application import App
from infrastructure.app.factory import create_app, sdl

__all__ = ["App", "create_app", "sdl"]
