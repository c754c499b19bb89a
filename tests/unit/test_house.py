"""What the whole house promises, held by reading it."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
SERVICE = sorted((HOUSE / "fleetmon").rglob("*.py"))
CLOCK = {
    ("time", "time"),
    ("time", "monotonic"),
    ("time", "sleep"),
    ("time", "perf_counter"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("asyncio", "sleep"),
}


def tracked() -> list[Path]:
    if not (HOUSE / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [HOUSE / name for name in names if name and (HOUSE / name).is_file()]


def clock_reads(source: str) -> list[str]:
    return [
        f"{node.lineno}: {node.func.value.id}.{node.func.attr}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in CLOCK
    ]


def test_the_clock_check_sees_a_read_of_the_clock():
    assert clock_reads("import time\nnow = time.time()") == ["2: time.time"]


@pytest.mark.parametrize("path", SERVICE, ids=lambda path: str(path.relative_to(HOUSE)))
def test_only_clock_py_reads_the_clock(path):
    if path.name == "clock.py":
        return
    assert clock_reads(path.read_text()) == []


@pytest.mark.parametrize("path", SERVICE, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_room_says_why_it_exists(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path.name} has no module docstring"


def test_no_room_is_called_utils_or_manager():
    banned = re.compile(r"util|helper|manager|common|misc", re.IGNORECASE)
    rooms = [*SERVICE, *(HOUSE / "emulator").rglob("*.py")]
    told = HOUSE / "emulator" / "redfish" / "manager.py"  # the Redfish resource of that name
    assert [path.name for path in rooms if banned.search(path.stem) and path != told] == []


def test_lock_files_pin_by_hash_and_name_no_host():
    for lock in HOUSE.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text, lock.name
        assert text.count("==") > 50
        assert text.count("--hash=sha256:") > text.count("==")


def test_npm_lock_names_no_host():
    lock = HOUSE / "dashboards" / "web" / "package-lock.json"
    packages = json.loads(lock.read_text())["packages"]
    assert len(packages) > 50
    assert not [name for name, told in packages.items() if "resolved" in told]


def test_tracked_files_name_no_path_of_a_machine():
    absolute = re.compile(r"(?<![\w.])/(?:root|work|home/(?!fleetmon)\w+)/")
    named = [
        f"{path.relative_to(HOUSE)}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix in {".py", ".md", ".toml", ".ts", ".svelte", ".json", ".yml", ".lock", ".sh", ""}
        for line in path.read_text(errors="replace").splitlines()
        if absolute.search(line) and path.name != "test_house.py"
    ]
    assert named == []


def test_version_and_changelog_are_there():
    version = re.search(r'__version__ = "([^"]+)"', (HOUSE / "fleetmon" / "__init__.py").read_text())
    assert version
    assert "## Unreleased" in (HOUSE / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("page", sorted((HOUSE / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_says_context_decision_and_consequences(page):
    text = page.read_text()
    assert re.match(r"# \d{4} ", text)
    assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences"))


def test_every_metric_is_described():
    from fleetmon.metrics import Metrics

    described = (HOUSE / "docs" / "reference" / "metrics.md").read_text()
    names = {family.name for family in Metrics().registry.collect()}
    assert [name for name in sorted(names) if name not in described] == []


def test_glossary_terms_are_used_in_the_code():
    table = re.findall(r"^\| ([a-z_, A-Z]+) \|", (HOUSE / "docs" / "glossary.md").read_text(), re.MULTILINE)
    terms = {term.strip() for row in table for term in row.split(",")} - {"Term"}
    code = "\n".join(path.read_text() for path in [*SERVICE, *(HOUSE / "emulator").rglob("*.py")]).lower()
    unused = [term for term in sorted(terms) if term.lower() not in code and term.lower().replace(" ", "_") not in code]
    assert unused == []


def test_links_between_the_documents_lead_somewhere():
    broken = [
        f"{page.relative_to(HOUSE)} -> {target}"
        for page in [HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def ids_of(page: str) -> set[str]:
    """The ids in the first column of a manual page's tables."""
    text = (HOUSE / "docs" / page).read_text()
    return {name for row in re.findall(r"^\| ([FRS0-9, ]+) \|", text, re.MULTILINE) for name in row.split(", ")}


def test_R11_every_fault_of_polling_push_and_storing_has_its_row():
    wanted = {f"F{number:02}" for number in (*range(1, 60), *range(106, 116))}
    assert wanted - ids_of("faults.md") == set()


def test_every_fault_of_the_manual_has_a_test_of_its_name_and_the_reverse():
    told = ids_of("faults.md") | ids_of("reliability.md")
    tests = "\n".join(path.read_text() for path in (HOUSE / "tests").rglob("test_*.py"))
    named = {fault for name in re.findall(r"def test_((?:[FRS]\d+_)+)", tests) for fault in name.strip("_").split("_")}
    assert told - named == set()
    assert named - told == set()
