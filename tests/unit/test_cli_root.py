"""The table of nouns, what is loaded when, and how every command ends."""

# ruff: noqa: E501

import json
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from fleetmon import __main__ as door
from fleetmon.cli import root
from fleetmon.cli.outcome import Exit, ServiceError, WrongUsage, exit_code
from fleetmon.cli.reference import reference
from fleetmon.cli.root import NOUNS, Later, run
from fleetmon.errors import AccessDenied, ConfigError, Conflict, NotFound, RequestRefused, StorageError

HOUSE = Path(__file__).parents[2]
HEAVY = (
    "fastapi",
    "uvicorn",
    "aiohttp",
    "redfish",
    "sqlite_utils",
    "pysqlite3",
    "apscheduler",
    "httpx",
    "cryptography",
)


def verbs():
    """Every command there is, with the words that call it."""
    for noun in NOUNS:
        command = Later(noun).load()
        if not hasattr(command, "commands"):
            yield (noun.name,), command
            continue
        for name, verb in command.commands.items():
            yield (noun.name, name), verb


VERBS = list(verbs())
IDS = [" ".join(words) for words, _ in VERBS]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.name)
def test_every_row_of_the_table_leads_to_a_module_that_says_the_same(noun):
    assert import_module(noun.module).app.info.help == noun.summary


def test_help_loads_nothing_heavy():
    code = f"""
import sys
from fleetmon.cli.root import run
run(["--help"])
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOUSE, check=True)
    assert ended.stderr.strip() == "[]"


def test_a_client_command_loads_no_server_and_no_driver():
    code = f"import sys, fleetmon.cli.rack; print([name for name in {HEAVY!r} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOUSE, check=True)
    assert ended.stdout.strip() == "['httpx']"


@pytest.mark.parametrize(("words", "command"), VERBS, ids=IDS)
def test_every_command_teaches_by_example(words, command):
    assert command.help
    assert command.epilog
    assert "Examples" in command.epilog


@pytest.mark.parametrize(("words", "command"), VERBS, ids=IDS)
def test_every_example_can_be_typed(words, command):
    typed = re.sub(r"\[/?[a-z ]*\]", "", command.epilog)
    lines = [
        re.split(r"\s{2,}", line.strip())[0] for line in typed.splitlines() if line.strip().startswith("fleetmon ")
    ]
    assert lines
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "fleetmon"
        assert tuple(arguments[: len(words)]) == words
        context = command.make_context(words[-1], arguments[len(words) :])
        assert context.params is not None


@pytest.mark.parametrize(("words", "command"), VERBS, ids=IDS)
def test_no_command_takes_a_secret_as_an_argument(words, command):
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert not names & {"--password", "--token", "--community", "--secret"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServiceError("x"), Exit.FAILED),
        (AccessDenied("x"), Exit.FAILED),
        (ConfigError("x"), Exit.FAILED),
        (StorageError("x"), Exit.FAILED),
        (NotFound("x"), Exit.FAILED),
        (Conflict("x"), Exit.FAILED),
        (WrongUsage("x"), Exit.USAGE),
        (RequestRefused("x"), Exit.REFUSED),
    ],
)
def test_what_went_wrong_decides_the_exit_code(error, code):
    assert exit_code(error) is code


@pytest.fixture
def failing(monkeypatch):
    """`fleetmon boom`, which ends as a test wants it to."""

    def make(error):
        def boom():
            raise error

        app = typer.Typer()
        app.command()(boom)
        monkeypatch.setattr(root.Later, "load", lambda self: typer.main.get_command(app))

    return make


def test_an_error_is_one_line_without_a_traceback(failing, capsys):
    failing(AccessDenied("the password\nis wrong\x1b[2J", device="https://bmc", cure="correct it"))
    assert run(["poll"]) == Exit.FAILED
    assert capsys.readouterr().err == "fleetmon: https://bmc: the password is wrong\\x1b[2J; correct it\n"


def test_a_fault_of_our_own_is_one_line_too_and_debug_shows_the_way_in(failing, capsys, monkeypatch):
    failing(ZeroDivisionError("oh"))
    assert run(["poll"]) == Exit.FAILED
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ZeroDivisionError: oh" in said
    with pytest.raises(ZeroDivisionError):
        run(["poll", "--debug"])
    monkeypatch.setenv("FLEETMON_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["poll"])


def test_ctrl_c_is_quiet_and_130(failing, capsys):
    failing(KeyboardInterrupt())
    assert run(["poll"]) == Exit.INTERRUPTED
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_quiet_even_while_all_is_still_loading(monkeypatch, capsys):
    def interrupted(_name):
        raise KeyboardInterrupt

    monkeypatch.setattr(door, "import_module", interrupted)
    with pytest.raises(SystemExit) as ended:
        door.main()
    assert ended.value.code == Exit.INTERRUPTED
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["devcie", "list"], "fleetmon: no such command 'devcie'. Did you mean 'device'?; try: fleetmon --help\n"),
        (["rack", "shwo"], "fleetmon rack: no such command 'shwo'. Did you mean 'show'?; try: fleetmon rack --help\n"),
        (["rack", "show"], "fleetmon rack show: missing argument 'RACK'; try: fleetmon rack show --help\n"),
        (
            ["rack", "list", "--stie"],
            "fleetmon rack list: no such option: --stie (possible options: --site, --worst); try: fleetmon rack list --help\n",
        ),
    ],
)
def test_a_mistyped_command_is_answered_with_what_was_meant(typed, said, capsys):
    assert run(typed) == Exit.USAGE
    assert capsys.readouterr().err.lower() == said.lower()


def test_a_bare_noun_shows_its_help(capsys):
    assert run(["rack"]) == Exit.USAGE
    said = capsys.readouterr()
    assert "Draw a rack" in said.out
    assert said.err == ""


@pytest.mark.parametrize("typed", ["config schema", "config show", "config show -o csv"])
def test_a_reader_that_goes_away_ends_the_command_quietly(typed):
    script = f"{shlex.quote(sys.executable)} -m fleetmon {typed} | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=HOUSE, check=True)
    assert (ended.stdout, ended.stderr) == ("141\n", "")


def test_colour_is_left_out_where_nobody_wants_it():
    ended = subprocess.run(
        [sys.executable, "-m", "fleetmon", "--help"],
        capture_output=True, text=True, cwd=HOUSE, check=True, env={"NO_COLOR": "1", "PATH": "/usr/bin:/bin", "FORCE_COLOR": "1"},
    )  # fmt: skip
    assert "\x1b[3" not in ended.stdout


def test_the_reference_is_what_the_commands_say():
    written = (HOUSE / "docs" / "reference" / "cli.md").read_text()
    assert written == reference(), "run: python -m fleetmon.cli.reference > docs/reference/cli.md"


def test_config_check_names_file_line_and_cure(tmp_path, capsys, monkeypatch):
    file = tmp_path / "fleetmon.toml"
    file.write_text("[listen]\nprot = 8480\n")
    assert run(["config", "check", "--config", str(file)]) == Exit.FAILED
    said = capsys.readouterr().err
    assert f"{file}:2" in said
    assert "port" in said
    assert said.count("\n") == 1


def test_config_show_says_where_each_setting_comes_from(tmp_path, capsys, monkeypatch):
    file = tmp_path / "fleetmon.toml"
    file.write_text("[listen]\nport = 9000\n")
    monkeypatch.setenv("FLEETMON__POLLING__MISSES", "5")
    assert run(["config", "show", "--origin", "-o", "json", "--config", str(file)]) == Exit.DONE
    rows = {row["setting"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["listen.port"] == {"setting": "listen.port", "value": "9000", "origin": f"{file}:2"}
    assert rows["polling.misses"]["origin"] == "FLEETMON__POLLING__MISSES"
    assert rows["polling.at_once"]["origin"] == "default"
