"""The bundle is small, the same every time, names no other host; its types are checked by a checker that is awake."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from dashboards import build
from dashboards.build import STAMP, STATIC, WEB, BuildError, run_node

BUDGET = 120_000
CHECK = WEB / "node_modules" / "svelte-check" / "bin" / "svelte-check"


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != STAMP]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_first_load_stays_within_its_budget(bundle: None) -> None:
    page = (STATIC / "index.html").read_text()
    scripts = re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', page)
    assert scripts
    size = sum((STATIC / f"{name}.gz").stat().st_size for name in scripts)
    assert size < BUDGET, f"{size} bytes of JavaScript, gzipped"


def test_two_builds_are_equal_to_the_byte(bundle: None, tmp_path: Path) -> None:
    build.build(static=tmp_path / "again", force=True)
    assert hashes(tmp_path / "again") == hashes(STATIC)


def test_nothing_is_built_when_nothing_changed(bundle: None) -> None:
    assert build.build() is False


def test_a_changed_source_asks_for_a_build(bundle: None, tmp_path: Path) -> None:
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    assert build.is_up_to_date(tmp_path / "web", STATIC)
    (tmp_path / "web" / "src" / "main.ts").write_text("export {};\n")
    assert not build.is_up_to_date(tmp_path / "web", STATIC)


def test_a_broken_source_is_told_in_one_line_and_leaves_the_old_bundle(bundle: None, tmp_path: Path) -> None:
    web, static = tmp_path / "web", tmp_path / "static"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("node_modules"))
    (web / "node_modules").symlink_to(WEB / "node_modules")
    shutil.copytree(STATIC, static)
    (web / "src" / "main.ts").write_text("import Nothing from './Nothing.svelte';\nconsole.log(Nothing);\n")
    with pytest.raises(BuildError, match=r"^vite build .* failed: .*Nothing\.svelte") as told:
        build.build(web, static)
    assert "\n" not in str(told.value)
    assert hashes(static) == hashes(STATIC)


def test_the_bundle_loads_nothing_from_another_host(bundle: None) -> None:
    for path in STATIC.rglob("*"):
        if path.suffix not in (".js", ".css", ".html"):
            continue
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text()))
        assert hosts <= {"www.w3.org", "svelte.dev"}, f"{path.name}: {hosts}"


def test_the_lock_names_no_host() -> None:
    assert "resolved" not in (WEB / "package-lock.json").read_text()


def test_the_sources_have_no_type_error(bundle: None) -> None:
    told = run_node(CHECK, ["--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "human"])
    assert "0 errors and 0 warnings" in told


def test_the_type_checker_is_awake(bundle: None) -> None:
    with pytest.raises(BuildError, match=r"Canary\.svelte.*Type 'string' is not assignable to type 'number'"):
        run_node(CHECK, ["--tsconfig", "./canary/tsconfig.json", "--output", "machine-verbose"])
