"""What a command says: results on stdout in the form asked for, everything else on stderr."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from fleetmon.cli.outcome import Exit
from fleetmon.cli.words import in_ascii, plain

Row = Mapping[str, Any]
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_FLEXIBLE = 12
"""Cells that text which may be folded keeps in a narrow terminal."""
_READABLE = 30
"""Cells below which folded text is hard to read: then it stands below its row, as wide as the terminal."""
_GAP = 2
_FORMULA = ("=", "+", "-", "@")


class Form(StrEnum):
    """The forms a listing can take."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a listing: its key in machine forms, its head in a table, and what it takes from a row."""

    key: str
    value: Callable[[Row], Any]
    """For CSV: a plain scalar."""
    head: str = ""
    """Of the table; the key with spaces where empty."""
    shown: Callable[[Row], Text | str] | None = None
    """In a table, when that differs from the value."""
    right: bool = False
    wide: bool = False
    """The first to be left out where the terminal is narrow; always there in machine forms."""
    flexible: bool = False
    """Gives way when the terminal is narrow: folded to more lines, or told below its row."""


class Paper(Console):
    """A rich console that ends quietly when its reader has gone."""

    def on_broken_pipe(self) -> NoReturn:
        reader_gone()


def reader_gone() -> NoReturn:
    """End quietly: whoever read our output has closed it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    raise SystemExit(Exit.READER_GONE)


def paper(*, stderr: bool = False) -> Paper:
    """A console on stdout or stderr; NO_COLOR, TERM=dumb and COLUMNS are honoured."""
    return Paper(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


def ascii_only(environ: Mapping[str, str]) -> bool:
    """True when the terminal cannot be trusted with more than ASCII: its encoding, or its locale, is not UTF-8."""
    if not (getattr(sys.__stdout__, "encoding", "") or "ascii").lower().replace("-", "").startswith("utf8"):
        return True
    spoken = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    charset = spoken.partition(".")[2].partition("@")[0].lower().replace("-", "")
    return spoken in ("C", "POSIX") or (bool(charset) and charset != "utf8")


def note(text: str) -> None:
    """Say something to the person, apart from the result."""
    paper(stderr=True).print(Text(plain(text)), soft_wrap=True)


def write(text: str) -> None:
    """Put a finished piece of machine-readable output on stdout."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        reader_gone()


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON whose strings cannot steer a terminal, whatever a device put into them."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def listing(rows: Iterable[Row], columns: Sequence[Column], form: Form, *, empty: str) -> None:
    """Put rows on stdout in the form asked for; `empty` says on stderr why a table has none."""
    match form:
        case Form.JSON:
            write(as_json(list(rows)))
        case Form.NDJSON:
            for row in rows:
                write(as_json(row, indent=None))
        case Form.CSV:
            write(_csv(rows, columns))
        case Form.TABLE:
            found = list(rows)
            if not found:
                note(empty)
                return
            out = paper()
            out.print(table(found, columns, width=out.width, in_ascii_only=ascii_only(os.environ)))


def table(rows: Sequence[Row], columns: Sequence[Column], *, width: int, in_ascii_only: bool = False) -> RenderableType:
    """Rows as a table without a frame; wide columns are left out, the last first, until the rest fits."""
    made = {column.key: [_cell(column, row, in_ascii_only) for row in rows] for column in columns}
    shown = _fitting(columns, made, width)
    last = shown[-1]
    if not _crowded(shown, made, width):
        return _drawn(shown, made, len(rows), width)
    return _Remarked(_drawn(shown[:-1], made, len(rows), width), made[last.key])


def _crowded(shown: Sequence[Column], made: Mapping[str, Sequence[Text]], width: int) -> bool:
    """The last column alone may be folded, and has neither the room it needs nor enough to be read in."""
    *others, last = shown
    if not last.flexible or not others or any(column.flexible for column in others):
        return False
    taken = (max(len(_head(one)), min(_widest(made[one.key]), _most(one, width) or width)) for one in others)
    room = width - sum(taken) - _GAP * len(others)
    return room < min(_widest(made[last.key]), _READABLE)


@dataclass(frozen=True, slots=True)
class _Remarked:
    """A table whose rows take one line each, and below a row what is remarked on it."""

    drawn: Table
    remarks: Sequence[Text]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head, *lines = console.render_lines(self.drawn, options, pad=False)
        yield from (*head, Segment.line())
        for line, remark in zip(lines, self.remarks, strict=True):
            yield from (*line, Segment.line())
            if remark.cell_len:
                yield Padding(remark, (0, 0, 0, 4))


def _drawn(shown: Sequence[Column], made: Mapping[str, Sequence[Text]], rows: int, width: int) -> Table:
    drawn = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim", show_edge=False)
    for column in shown:
        drawn.add_column(
            _head(column),
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            overflow="fold" if column.flexible else "ellipsis",
            min_width=_FLEXIBLE if column.flexible else None,
            max_width=_most(column, width),
        )
    for place in range(rows):
        drawn.add_row(*(made[column.key][place] for column in shown))
    return drawn


def _fitting(columns: Sequence[Column], made: Mapping[str, Sequence[Text]], width: int) -> list[Column]:
    """The columns there is room for; a flexible one needs no more than its least width."""

    def needs(column: Column) -> int:
        widest = _widest(made[column.key])
        return max(len(_head(column)), min(widest, _FLEXIBLE * 2) if column.flexible else widest) + _GAP

    shown = list(columns)
    while sum(map(needs, shown)) - _GAP > width and any(column.wide for column in shown):
        shown.remove(next(column for column in reversed(shown) if column.wide))
    return shown


def _most(column: Column, width: int) -> int | None:
    """Cells a column may take of a terminal so wide; None: what it needs."""
    return None if column.flexible or column.right else max(_FLEXIBLE, width * 2 // 5)


def _widest(cells: Sequence[Text]) -> int:
    return max((cell.cell_len for cell in cells), default=0)


def _head(column: Column) -> str:
    return column.head or column.key.replace("_", " ")


def _cell(column: Column, row: Row, in_ascii_only: bool) -> Text:
    made = column.shown(row) if column.shown else plain("" if (value := column.value(row)) is None else value)
    text = made if isinstance(made, Text) else Text(made)
    return ascii_text(text) if in_ascii_only else text


def beside(mark: Text, said: Text) -> Table:
    """A mark and what it stands for; more lines begin where the first one's words do."""
    drawn = Table.grid(padding=(0, _GAP, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_row(mark, said)
    return drawn


def ascii_text(text: Text) -> Text:
    """The text in ASCII, with the styles of its parts."""
    return Text.assemble(*((in_ascii(part.plain), part.style or "") for part in _parts(text)))


def _parts(text: Text) -> list[Text]:
    """The text cut where its style changes, each part with the style it is drawn in."""
    edges = sorted({0, len(text), *(edge for span in text.spans for edge in (span.start, span.end))})
    cut = [text[start:end] for start, end in itertools.pairwise(edges) if start < end]
    return [Text(part.plain, style=part.spans[-1].style if part.spans else text.style) for part in cut]


def _csv(rows: Iterable[Row], columns: Sequence[Column]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    writer.writerows([_csv_cell(column.value(row)) for column in columns] for row in rows)
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    """A scalar; text that a spreadsheet would run as a formula is led by an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    text = plain(" ".join(map(str, value)) if isinstance(value, list | tuple) else value)
    return f"'{text}" if text.startswith(_FORMULA) else text


@contextmanager
def waiting(doing: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr while something takes its time; nothing where stderr is no terminal."""
    err = paper(stderr=True)
    with Progress(
        SpinnerColumn("line"), TextColumn("{task.description}", markup=False), console=err, transient=True,
        disable=not err.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task(plain(doing), total=None)
        yield lambda now_doing: progress.update(task, description=plain(now_doing))


@contextmanager
def counting(doing: str, total: int | None) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr for work of known size; call what it gives with how far the work is, and of how much."""
    err = paper(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), console=err, transient=True,
        disable=not err.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task(plain(doing), total=total)
        yield lambda done, of: progress.update(task, completed=done, total=of)
