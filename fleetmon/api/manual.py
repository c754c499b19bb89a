"""The manual at `/docs`: the repository's Markdown, rendered when it is asked for; no network is needed."""

from __future__ import annotations

import asyncio
import html
import itertools
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from fastapi import Request, Response
from markdown_it import MarkdownIt
from markdown_it.token import Token

import fleetmon
from fleetmon.api import files
from fleetmon.api.problems import not_found
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.wire import matches, tag_of

_PACKAGE = Path(fleetmon.__file__).parent
SHELVES = (_PACKAGE / "manual", _PACKAGE.parent / "docs")
"""Where the manual lies: in an installed wheel, in a checkout."""

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · fleetmon</title><link rel="icon" href="/favicon.svg">
<link rel="stylesheet" href="/api/docs/manual.css"></head>
<body><header><a href="/">Dashboard</a> <a href="/docs">Manual</a> <a href="/api/docs">API</a></header>
<main>{body}</main></body></html>
"""


async def get_manual_index(request: Request) -> Response:
    """All pages of the manual."""
    return _page(request, "Manual", await asyncio.to_thread(_index, _shelf()))


async def get_manual_page(request: Request, path: str) -> Response:
    """One page of the manual, by its path with or without `.md`; pictures as they are."""
    shelf = _shelf()
    name = path.removesuffix("/").removesuffix(".md")
    source = await asyncio.to_thread(_find, shelf, name)
    if source is not None:
        title, body = await asyncio.to_thread(_rendered, source)
        return _page(request, title, body)
    picture = await asyncio.to_thread(files.find, shelf, path)
    if picture is None:
        raise not_found("page of the manual", path)
    return await files.served(request, picture, cache="max-age=3600")


def _page(request: Request, title: str, body: str) -> Response:
    page = _PAGE.format(title=html.escape(title), body=body).encode()
    headers = {"ETag": tag_of(page), "Cache-Control": "no-cache"}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)


def _shelf() -> Path:
    return next((shelf for shelf in SHELVES if shelf.is_dir()), SHELVES[0])


def _find(shelf: Path, name: str) -> Path | None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", name):
        return None
    for candidate in (shelf / f"{name}.md", shelf / name / "index.md"):
        if candidate.is_file() and candidate.resolve().is_relative_to(shelf.resolve()):
            return candidate
    return None


def _index(shelf: Path) -> str:
    rooms: dict[str, list[str]] = {}
    for file in sorted(shelf.rglob("*.md"), key=_place):
        name = file.relative_to(shelf).with_suffix("").as_posix()
        room = name.rpartition("/")[0]
        entry = f'<li><a href="/docs/{html.escape(name)}">{html.escape(_title(file))}</a></li>'
        rooms.setdefault(room, []).append(entry)
    if not rooms:
        return "<h1>Manual</h1><p>This installation carries no manual.</p>"
    heads = {room: html.escape(room.capitalize() or "Start here") for room in rooms}
    return "<h1>Manual</h1>" + "".join(f"<h2>{heads[room]}</h2><ul>{''.join(rooms[room])}</ul>" for room in rooms)


FIRST = ("compatibility", "dashboard", "push", "storage", "faults", "reliability", "performance", "architecture")
"""What an operator reads first; developers find the rest behind it."""
ROOMS = ("", "reference", "decisions")


def _place(file: Path) -> tuple[int, int, str]:
    room = "" if file.parent.name not in ROOMS else file.parent.name
    return ROOMS.index(room), FIRST.index(file.stem) if file.stem in FIRST else len(FIRST), file.as_posix()


def _title(file: Path) -> str:
    first = next((line for line in file.read_text("utf-8").splitlines() if line.startswith("# ")), "")
    return first.removeprefix("# ").strip() or file.stem


def _rendered(file: Path) -> tuple[str, str]:
    return _title(file), render(file.read_text("utf-8"))


def render(text: str) -> str:
    """Markdown as HTML: headings can be linked to, links between pages work, raw HTML stays text."""
    parser = _parser()
    tokens = parser.parse(text)
    _name_headings(tokens)
    for token in tokens:
        for child in token.children or ():
            href = child.attrs.get("href") if child.type == "link_open" else None
            if isinstance(href, str) and "://" not in href:
                child.attrs["href"] = re.sub(r"\.md(?=$|#)", "", href)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _name_headings(tokens: Sequence[Token]) -> None:
    seen: dict[str, int] = {}
    for opening, content in itertools.pairwise(tokens):
        if opening.type != "heading_open":
            continue
        anchor = re.sub(r"[^\w\- ]", "", content.content.lower()).replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        opening.attrs["id"] = f"{anchor}-{count}" if count else anchor


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


ROUTES = (
    Route("GET", "/docs", get_manual_index, Role.ANYONE, tag="manual", base="", listed=False),
    Route("GET", "/docs/{path:path}", get_manual_page, Role.ANYONE, tag="manual", base="", listed=False),
)
