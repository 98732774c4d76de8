"""The catalogue is checked as a whole; what is wrong is named by table and key, without a value."""

import os
import re
from pathlib import Path

import pytest

from infrastructure.failures import SettingsError
from infrastructure.providers.catalogue import (
    Catalogue,
    known_providers,
    load_catalogue,
)
from infrastructure.providers.description import describe, describe_known
from tests.unit.infrastructure.providers.entries import CLIENT, known


def loaded(folder: Path, text: str) -> Catalogue:
    path = folder / "providers.toml"
    path.write_text(text)
    return load_catalogue(path, {"THE_SECRET": "hunter2", "EMPTY": " "}.get)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        loaded(folder, text)
    message = str(raised.value)
    assert "hunter2" not in message
    return message.splitlines()


OWN = 'endpoint = "https://id.example/revoke"\nfields = {token = "{token}"}\n'


def test_a_known_provider_needs_its_client_only(tmp_path: Path) -> None:
    catalogue = loaded(
        tmp_path,
        '[google]\npreset = "google"\n'
        '[work-github]\npreset = "github"\nclient_id = "i"\nper_second = 2\n'
        'client_secret_env = "THE_SECRET"\n',
    )
    google, github = catalogue.providers["google"], catalogue.providers["work-github"]
    assert google.endpoint == "https://oauth2.googleapis.com/revoke"
    assert google.ends == "grant"
    assert github.method == "DELETE"
    assert github.per_second == 2
    assert github.client_secret is not None
    assert github.client_secret.get_secret_value() == "hunter2"


def test_a_presets_keys_can_be_overridden(tmp_path: Path) -> None:
    text = '[google]\npreset = "google"\ngone = []\nname = "Google Workspace"\n'
    google = loaded(tmp_path, text).providers["google"]
    assert (google.gone, google.name) == ((), "Google Workspace")


def test_a_secret_may_stand_in_a_file_beside_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    text = '[box]\npreset = "box"\nclient_id = "i"\nclient_secret_file = "secret"\n'
    secret = loaded(tmp_path, text).providers["box"].client_secret
    assert secret is not None
    assert secret.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(loaded(tmp_path, text))


def test_a_provider_may_have_no_way(tmp_path: Path) -> None:
    catalogue = loaded(
        tmp_path,
        '[schwab]\npreset = "none"\nname = "Schwab"\nmanage_url = "https://www.schwab.com/"\n'
        '[spotify]\npreset = "spotify"\n'
        f"[own]\n{OWN}",
    )
    assert [s for s, entry in catalogue.providers.items() if entry.endpoint] == ["own"]
    assert catalogue.providers["schwab"].manage_url == "https://www.schwab.com/"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('endpoint = "http://id.example/"', "endpoint: is not an https:// URL"),
        ('endpoint = "https://me:hunter2@id.example/"', "endpoint: has user information"),
        ('endpoint = "https://id.example/#x"', "endpoint: has a fragment"),
        ('endpoint = "https://id example/"', "endpoint: has characters that no URL has"),
        ('endpoint = "https://id.example:x/"', "endpoint: "),
        ('endpoint = "https://id.example/{hunter}"', "endpoint: has an unknown placeholder"),
        ('endpoint = "https://id.example/{token"', "endpoint: has a brace"),
        ('endpoint = "{data.url}/revoke"', "endpoint: takes its host from the credentials"),
        ('endpoint = "https://{data.shop}.example/"', "endpoint: takes its host from the cred"),
        ("", "endpoint: missing"),
        ('preset = "rfc7009"', "endpoint: missing"),
        ('preset = "gogle"', "preset: is not known (`unplug providers --known`); did you mean go"),
        ("preset = 7", "preset: is not known"),
        ('preset = "github"', "client_id: missing, the request needs it"),
        ('preset = "github"\nclient_id = "i"', "client_secret_env: missing, the request needs"),
        (
            f'{OWN}client_secret = "hunter2"',
            "client_secret: name a variable with client_secret_env",
        ),
        (f'{OWN}client_secret_env = "hunter2"', "client_secret_env: the variable is not set"),
        (f'{OWN}client_secret_env = "EMPTY"', "client_secret_env: the variable is not set"),
        (f'{OWN}client_secret_env = "hunter2 "', "client_secret_env: is not the name of a var"),
        (f'{OWN}client_secret_env = "UNPLUG_X"', "client_secret_env: is not the name of a variab"),
        (f"{OWN}client_secret_env = 7", "client_secret_env: is not the name of a variable"),
        (
            f'{OWN}client_secret_env = "THE_SECRET"\nclient_secret_file = "x"',
            "client_secret_file: there is client_secret_env already",
        ),
        (f'{OWN}client_secret_en = "X"', "client_secret_en: there is no such key; did you mean cl"),
        (f'{OWN}client_auth = "basic"\nclient_id = "i"', "client_secret_env: missing"),
        (f'{OWN}client_secret_file = "nowhere"', "client_secret_file: can't be read"),
        (f'{OWN}endpiont = "x"', "endpiont: there is no such key; did you mean endpoint?"),
        (f'{OWN}method = "GET"', "method: "),
        (f'{OWN}ends = "all"', "ends: "),
        (f"{OWN}concurrency = 0", "concurrency: "),
        (f"{OWN}per_second = 0", "per_second: "),
        (f'{OWN}per_second = "hunter2"', "per_second: "),
        (f"{OWN}success = {{ status = [] }}", "success.0.status: "),
        (f"{OWN}success = {{ status = [200], jsn = {{}} }}", "success.0.jsn: there is no such key"),
        (f"{OWN}gone = {{ status = [99] }}", "gone.0.status.0: "),
        (f'{OWN}manage_url = "javascript:alert(1)"', "manage_url: is not an https:// URL"),
        (f'{OWN}logo = "https://id.example/l.png"', "logo: is not the name of a file beside"),
        (f'{OWN}logo = "nowhere.png"', "logo: can't be read"),
        (f'{OWN}logo = "logo.html"', "logo: must end in .jpg, .png, .svg, .webp"),
        (f"{OWN}tokens = []", "tokens: "),
        (f'{OWN}hosts = ["*.example"]\nprivate_addresses = true', "private_addresses: "),
        ('endpoint = "https://id.example/"', "tokens: "),
        ('preset = "none"\nmethod = "POST"', "method: has no effect without an endpoint"),
        ('preset = "dropbox"\ntoken_type_hint = true', "token_type_hint: needs a body"),
    ],
)
def test_what_is_wrong_is_named_by_table_and_key(tmp_path: Path, table: str, problem: str) -> None:
    found, *_ = problems(tmp_path, f"[acme]\n{table}\n")
    assert found.startswith(f"UNPLUG_PROVIDERS_FILE: [acme] {problem}")


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    text = f'one = 1\n[two]\n[three]\n{OWN}method = "x"\nbody = "y"\n[four]\n{OWN}'
    found = problems(tmp_path, text)
    assert [re.findall(r"\[(\w+)\] (\S+)", line)[0] for line in found] == [
        ("one", "is"),
        ("two", "endpoint:"),
        ("three", "method:"),
        ("three", "body:"),
    ]


@pytest.mark.parametrize(
    "text", ["[acme", "[acme]\nclient_secret = 'hunter2", "\x00", "a = 1\na = 2"]
)
def test_what_is_not_toml_is_said_without_a_piece_of_it(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith("UNPLUG_PROVIDERS_FILE: is not TOML: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="UNPLUG_PROVIDERS_FILE: can't be read"):
        load_catalogue(tmp_path / "nowhere.toml", os.environ.get)


@pytest.mark.parametrize("name", known_providers())
def test_known_providers_are_complete_and_say_where_they_were_read(name: str) -> None:
    provider = known(name)
    assert provider.documentation
    assert provider.name or name == "rfc7009"
    assert provider.endpoint or provider.manage_url


def test_what_would_be_sent_is_shown_without_secrets() -> None:
    shown = describe(Catalogue({name: known(name) for name in known_providers()}))
    assert CLIENT["client_secret"] not in shown
    assert (
        "[github]  GitHub\n"
        "  DELETE https://api.github.com/applications/{client_id}/grant\n"
        "  Authorization: Basic {client_id}:{client_secret}\n"
        "  Accept: application/vnd.github+json\n"
        "  json access_token = {token}\n"
        "  tokens: access_token; ends the grant\n"
        "  ended when 204\n"
        "  had ended before when 404\n"
    ) in shown
    assert "[spotify]  Spotify\n  no way for apps to end access\n" in shown


def test_known_providers_are_listed_a_line_each() -> None:
    lines = describe_known().splitlines()
    assert [line.split()[0] for line in lines] == sorted(known_providers())
    assert all("https://" in line for line in lines)
