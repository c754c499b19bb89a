"""The command line's reference, made from the commands: `python -m fleetmon.cli.reference > docs/reference/cli.md`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from fleetmon.cli.root import NOUNS, Later, app

HEAD = """\
# The command line

Made from the commands by `python -m fleetmon.cli.reference`; a test holds it to them.

Results go to stdout, everything else to stderr. `-o table|json|ndjson|csv` chooses the form of everything that lists;
`NO_COLOR` switches colour off. Progress is shown only where stderr is a terminal. An error is one line that names what
it is about and what would be right; `--debug`, anywhere on the line, or `FLEETMON_DEBUG=1` shows where it came from.

| Exit code | Means |
| --- | --- |
| 0 | done |
| 1 | failed |
| 2 | wrong usage |
| 3 | partly done: some devices, or some of a device |
| 4 | refused, by policy or by you |
| 130 | ended by Ctrl-C |
| 141 | the program reading the output closed it |

| Variable | Means |
| --- | --- |
| `FLEETMON_URL` | where the service answers, in place of `--url` |
| `FLEETMON_CONFIG` | the configuration file, in place of `--config` |
| `FLEETMON_PASSWORD` | the password, in place of `--password-file` or the prompt; never an argument |
| `FLEETMON_DEBUG` | as `--debug` |
| `NO_COLOR`, `COLUMNS` | no colour; the width to draw for |
"""

TAIL = """\
## The object of `fleetmon poll -o json`

    {"device": {"manufacturer", "model", "serial_number", "part_number", "asset_tag", "uuid", "host_name", "firmware",
                "bios_version", "bmc_model", "systems": [path]},
     "protocol", "reachability", "reason", "power_state": "On" | "Off" | ... | null, "overall": "OK" | ... | null,
     "readings": [{"component": {"kind","name"}, "sensor", "type", "unit", "value": number | null,
                   "reason": text | null, "quality", "thresholds": {"upper_critical": number, ...}, "source",
                   "taken_at"}],
     "health": [{"component": {"kind","name"}, "health", "state", "failure_predicted": true | false | null, "detail"}],
     "events": [{"log", "record_id", "severity", "message", "message_id", "created_at", "created_text", "component"}],
     "inventory": {"identity", "parts": [...], "taken_at", "complete"} | null,
     "problems": [{"resource", "reason", "finding"}], "asked": [aspect], "answered": [aspect], "taken_at",
     "requests": n, "seconds": s}

Component kinds are the Redfish resource names, whatever the protocol; every present component is in `health`. A reading
without a value has a `reason`; its `thresholds` are those that the device has set; its `source` is where it is told: a
Redfish path, or the record of an IPMI sensor (`sdr/0012`). The object is printed as well when the device could not be
read, with `reachability` and `reason` saying why.
"""

_MARKUP = re.compile(r"(?<!\\)\[/?[a-z ]*\]")


def reference() -> str:
    """The whole page."""
    rows = "\n".join(_row(noun.name, noun.summary) for noun in NOUNS)
    parts = [HEAD, f"| Noun | Does |\n| --- | --- |\n{rows}\n"]
    root = typer.Context(get_command(app), info_name="fleetmon")
    for noun in NOUNS:
        command = Later(noun).load()
        parts += _pages(command, typer.Context(command, info_name=noun.name, parent=root), noun.summary)
    return "\n".join([*parts, TAIL])


def _row(name: str, summary: str) -> str:
    return f"| [`{name}`](#fleetmon-{name}) | {summary} |"


def _pages(command: Any, context: Any, summary: str) -> Iterator[str]:
    """A noun, then each of its verbs."""
    yield f"## `{context.command_path}`\n"
    if not isinstance(command, TyperGroup):
        yield _command(command, context)
        return
    yield f"{summary}\n"
    for name in command.list_commands(context):
        verb = command.get_command(context, name)
        assert verb is not None
        inside = typer.Context(verb, info_name=name, parent=context)
        yield f"### `{inside.command_path}`\n"
        yield _command(verb, inside)


def _command(command: Any, context: Any) -> str:
    arguments = [parameter for parameter in command.params if isinstance(parameter, TyperArgument)]
    options = [parameter for parameter in command.params if isinstance(parameter, TyperOption)]
    named = " ".join(_metavar(argument) if argument.required else f"[{_metavar(argument)}]" for argument in arguments)
    usage = " ".join(part for part in (context.command_path, named, "[OPTIONS]" if options else "") if part)
    parts = [inspect.cleandoc(command.help or ""), "", f"    {usage}", ""]
    if arguments or options:
        parts += ["| Argument or option | Means |", "| --- | --- |"]
        parts += [f"| `{_metavar(argument)}` | {_cell(argument.help)} |" for argument in arguments]
        parts += [f"| {_names(option, context)} | {_cell(option.help)}{_remarks(option)} |" for option in options]
        parts.append("")
    if command.epilog:
        parts += [_examples(command.epilog), ""]
    return "\n".join(parts)


def _metavar(argument: TyperArgument) -> str:
    return str(argument.metavar or argument.name).upper()


def _names(option: TyperOption, context: Any) -> str:
    said = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    kind = "" if option.is_flag else (option.metavar or option.display_type(context)).strip("<>")
    return f"{said} `{kind}`".replace("|", "\\|") if kind else said


def _remarks(option: TyperOption) -> str:
    remarks = []
    if option.required:
        remarks.append("required")
    elif option.show_default and option.default not in (None, "", False):
        remarks.append(f"default `{getattr(option.default, 'value', option.default)}`")
    if option.envvar:
        remarks.append(f"or `{option.envvar}`")
    return f" ({', '.join(remarks)})" if remarks else ""


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def _examples(epilog: str) -> str:
    """The examples of a command's help, as a block to copy from."""
    lines = _MARKUP.sub("", epilog).replace("\\[", "[").splitlines()[1:]
    return "\n".join(f"    {line.rstrip()}" for line in lines)


if __name__ == "__main__":
    print(reference(), end="")
