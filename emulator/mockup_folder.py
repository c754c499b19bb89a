"""A mockup folder as a tree of resources: where it starts, what lies at a path, and what clients have changed since."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SERVICE_ROOT = "/redfish/v1"
SIDECARS = ("headers.json", "time.json")


class NoMockupError(ValueError):
    """The folder holds no mockup."""


def canonical(target: str) -> tuple[str, str] | None:
    """Path without doubled or trailing slashes, and query, of a request target or link; None if it leads outside."""
    path, _, query = target.partition("#")[0].partition("?")
    segments = [segment for segment in path.split("/") if segment]
    if any(segment in (".", "..") or "\0" in segment or "\\" in segment for segment in segments):
        return None
    return "/" + "/".join(segments), query


def locate(folder: Path) -> tuple[Path, bool]:
    """Where the mockup in `folder` starts, and whether it is in short form; raises NoMockupError."""
    if not folder.is_dir():
        raise NoMockupError(f"{folder}: no such folder")
    places = [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]
    tall = [place for place in places if (place / "redfish").is_dir()]
    if tall:
        return _only(folder, tall), False
    short = [folder] if (folder / "index.json").is_file() else [p for p in places if (p / "index.json").is_file()]
    if short:
        return _only(folder, short), True
    raise NoMockupError(f"{folder}: no mockup; expected redfish/v1/index.json, here or one folder down, or index.json")


def _only(folder: Path, found: list[Path]) -> Path:
    if len(found) > 1 and found[0] != folder:
        raise NoMockupError(f"{folder}: {len(found)} mockups; name one of them, such as {found[0].name}")
    return found[0].resolve()


class Mockup:
    """The resources of one mockup folder, read when first asked for, and what clients have changed since."""

    def __init__(self, folder: Path) -> None:
        self.root, self.short = locate(folder)
        self._resources: dict[str, Json | bytes | None] = {}
        self._encoded: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._sidecars = {place for name in SIDECARS for place in self.root.rglob(name)}

    def resource(self, path: str) -> Json | bytes | None:
        """What lies at a canonical path: a JSON object (not to be changed in place), bytes else bytes, else None."""
        if path in self._resources:
            return self._resources[path]
        file = self.file(path, "index.json")
        if file is None:
            return None
        captured = file.read_bytes()
        self._resources[path] = found = object_or_bytes(captured)
        self._sizes[path] = len(captured)
        return found

    def json(self, path: str) -> Json | None:
        """The JSON object at a canonical path, where there is one."""
        found = self.resource(path)
        return found if isinstance(found, dict) else None

    def size(self, path: str) -> int:
        """Bytes of the resource as it was captured; a small guess for one that a client made."""
        return self._sizes.get(path, 1000)

    def store(self, path: str, body: Json | None) -> None:
        """From now on the resource at `path` is `body`; None takes it away."""
        self._resources[path] = body
        self._encoded.pop(path, None)

    def encoded(self, path: str, body: Json) -> bytes:
        """`body` as sent for a plain GET of `path`; encoded once until it changes."""
        if path not in self._encoded:
            self._encoded[path] = encode(readable(path, body))
        return self._encoded[path]

    def file(self, path: str, name: str = "") -> Path | None:
        """The file `name` in the folder of a canonical path, or that path's own file, if it lies in the mockup."""
        place = self._place(path, name)
        with contextlib.suppress(OSError, RuntimeError):
            if place and place.is_file() and place.resolve().is_relative_to(self.root):
                return place
        return None

    def sidecar(self, path: str, name: str) -> Json:
        """`headers.json` or `time.json` beside a resource; empty where there is none that can be read."""
        place = self._place(path, name)
        found = object_or_bytes(place.read_bytes()) if place in self._sidecars else {}
        return found if isinstance(found, dict) else {}

    def delay(self, method: str, path: str) -> float:
        """Seconds that `time.json` makes this request wait."""
        seconds = self.sidecar(path, "time.json").get(f"{method}_Time", 0)
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, float(seconds))
        return 0.0

    def _place(self, path: str, name: str) -> Path | None:
        if self.short:
            if path != SERVICE_ROOT and not path.startswith(SERVICE_ROOT + "/"):
                return None
            path = path.removeprefix(SERVICE_ROOT)
        return self.root / path.lstrip("/") / name


def object_or_bytes(text: bytes) -> Json | bytes:
    """The JSON object in `text`; `text` itself where it holds none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return body if isinstance(body, dict) else text


def encode(body: Json) -> bytes:
    """JSON as the DMTF server writes it, keys sorted."""
    return json.dumps(body, sort_keys=True, indent=4, separators=(",", ": ")).encode()


def readable(path: str, body: Json) -> Json:
    """What a reader may see: no copyright note, and no headers of a subscriber."""
    shown = {key: value for key, value in body.items() if key != "@Redfish.Copyright"}
    if "EventService/Subscriptions" in path and shown.get("HttpHeaders") is not None:
        shown["HttpHeaders"] = []
    return shown
