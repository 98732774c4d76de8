"""How help looks: `-h` as well, `USER_ID` without braces, switches without a type."""

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from infrastructure.failures import ExitCode

_CODES = "\n".join(f"{code:>3}  {code.meaning}" for code in ExitCode)
EXIT_CODES = f"Exit codes:\n{_CODES}"

NAMES = {"help_option_names": ["-h", "--help"]}
"""For `context_settings`."""


class _PlainHelp:
    def get_help_option(self, ctx: typer.Context) -> TyperOption | None:
        option: TyperOption | None = super().get_help_option(ctx)  # type: ignore[misc] # mixed in
        if option is not None:
            option.metavar = ""
        return option


class PlainCommand(_PlainHelp, TyperCommand):  # type: ignore[misc] # Typer's Context is private
    """For `command(cls=…)`."""

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class PlainGroup(_PlainHelp, TyperGroup):  # type: ignore[misc] # Typer's Context is private
    """For `Typer(cls=…)`."""
