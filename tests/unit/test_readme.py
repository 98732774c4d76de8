"""What the README says about settings, commands and documents is so."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from infrastructure.commands.command_line import app
from infrastructure.settings import PREFIX, Settings
from schema.build import build_schema

README = (Path(__file__).parents[2] / "README.md").read_text()
DOCUMENTS = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


def test_every_setting_is_listed_and_every_listed_setting_exists() -> None:
    listed = set(re.findall(rf"`({PREFIX}[A-Z_]+)`", README))

    assert listed == {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_command_is_listed() -> None:
    commands = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in app.registered_commands
    }

    assert {command.replace("_", "-") for command in commands} == set(
        re.findall(r"^\| `unplug ([a-z-]+)", README, re.MULTILINE)
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_are_valid(document: str) -> None:
    assert validate(build_schema().executable, parse(document)) == []
