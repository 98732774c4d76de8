"""The guide's tables of settings and variables are complete, and no document names others."""

import re

import pytest
from pydantic import SecretStr

from infrastructure.settings import OPTION_VARIABLES, PREFIX, Settings
from tests.unit.docs.pages import OPERATORS, PAGES, Page

VARIABLE = re.compile(rf"\b{PREFIX}[A-Z_]+\b")
SETTINGS = {PREFIX + name.upper(): field for name, field in Settings.model_fields.items()}


def each(names: str, defaults: str) -> list[str]:
    """One default for each variable of a row, or the one for all of them."""
    found, count = defaults.split(", "), len(VARIABLE.findall(names))
    return found if len(found) == count else [defaults] * count


ROWS = [
    (name, default)
    for names, defaults, _ in OPERATORS.table("variable")
    for name, default in zip(VARIABLE.findall(names), each(names, defaults), strict=True)
]


def test_every_setting_is_listed_once() -> None:
    assert sorted(name for name, _ in ROWS) == sorted(SETTINGS)


@pytest.mark.parametrize(("name", "default"), ROWS)
def test_defaults_are_those_of_the_code(name: str, default: str) -> None:
    match SETTINGS[name].default:
        case bool() as switch:
            assert default == ("on" if switch else "off")
        case int() | float() as number:
            assert float(default) == number
        case None | () | frozenset():
            assert not default.isdecimal()
        case SecretStr() as secret:
            assert default == f"`{secret.get_secret_value()}`"
        case text:
            assert default == f"`{text}`"


def test_every_variable_of_an_option_is_listed() -> None:
    listed = [name for row in OPERATORS.table("option") for name in VARIABLE.findall(row[1])]
    assert sorted(listed) == sorted(OPTION_VARIABLES)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_variable_exists(page: Page) -> None:
    assert set(VARIABLE.findall(page.text)) <= SETTINGS.keys() | OPTION_VARIABLES
