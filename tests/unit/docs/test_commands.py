"""Commands in the documents can be run as they stand there."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command, get_group

from benchmarks.__main__ import main as benchmarks
from infrastructure.commands.command_line import app
from infrastructure.commands.command_line.help_texts import PlainGroup
from infrastructure.failures import ExitCode
from tests.unit.docs.pages import OPERATORS, PAGES, ROOT

GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
UNPLUG = get_group(app).commands
LINES = [
    pytest.param(line, id=f"{page}: {line}")
    for page in PAGES
    for block in page.blocks("console")
    for line in block.text.splitlines()
]
INLINE = [
    pytest.param(words, id=f"{page}: {words}")
    for page in PAGES
    for words in re.findall(r"`unplug ([a-z-]+(?: [^`]*)?)`", page.prose)
]


def found(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, or the command of its group, and the words behind it."""
    command, rest = UNPLUG[words[0]], words[1:]
    if isinstance(command, PlainGroup) and rest:
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def options(words: list[str]) -> set[str]:
    command, _ = found(words)
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


def test_every_command_is_listed() -> None:
    assert {row[0].strip("`").split()[1] for row in OPERATORS.table("command")} == set(UNPLUG)


def test_every_exit_code_is_listed() -> None:
    assert OPERATORS.table("exit code") == [[f"{code:d}", code.meaning] for code in ExitCode]


def test_every_option_with_a_variable_is_listed() -> None:
    for names, variables, commands in OPERATORS.table("option"):
        for option, variable in zip(names.split(", "), variables.split(", "), strict=True):
            for command in commands.split(", "):
                listed = {
                    str(param.envvar)
                    for param in found(command.strip("`").split())[0].params
                    if option.strip("`") in (*param.opts, *param.secondary_opts)
                }
                assert listed == {variable.strip("`")}


@pytest.mark.parametrize("words", INLINE)
def test_commands_in_sentences_exist(words: str) -> None:
    given = {word for word in words.split() if word.startswith("--")}
    assert given <= options(words.split())


@pytest.mark.parametrize("line", LINES)
def test_commands_in_blocks_are_understood(line: str) -> None:
    check(shlex.split(line))


def check(words: list[str]) -> None:
    match words:
        case ["export", assignment]:
            assert re.fullmatch("UNPLUG_[A-Z_]+=.+", assignment)  # test_settings knows the names
        case [".ci/run"]:
            assert (ROOT / ".ci" / "run").is_file()
        case ["uv", "run", "--group", group, *rest]:
            assert group in GROUPS
            check(rest)
        case ["uv", "run", *rest]:
            check(rest)
        case ["unplug", *arguments]:
            command, rest = found(arguments)
            command.make_context(arguments[0], rest)
        case ["python", "-m", "benchmarks", *arguments]:
            program = typer.Typer()
            program.command()(benchmarks)
            get_command(program).make_context("benchmarks", arguments)
        case ["pytest", *arguments]:
            assert set(unknown(arguments)) == set()
        case _:
            pytest.fail(f"not a command that this test knows: {words}")


def unknown(arguments: list[str]) -> Iterator[str]:
    """Options and paths that pytest would refuse."""
    ours = (ROOT / "tests" / "conftest.py").read_text()
    for argument in arguments:
        if argument.startswith("--"):
            if f'"{argument}"' not in ours:
                yield argument
        elif not argument.isdecimal() and not (ROOT / argument).exists():
            yield argument
