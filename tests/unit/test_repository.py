# SPDX-License-Identifier: Apache-2.0
"""The repository keeps the promises that it makes about itself."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "connectors",
    "dataflows",
    "delivery",
    "gateway",
    "journal",
    "journey",
    "restock",
    "schemas",
    "waitlist",
)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("runtime", "dev")
LONGEST_MODULE = 400


def python_files() -> list[Path]:
    """Every Python file of the project."""
    folders = [ROOT / name for name in (*PACKAGES, "tests", "benchmarks", "deploy")]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def wanted(lock: str) -> list[Requirement]:
    """What pyproject.toml asks of a lock file."""
    names = list(PROJECT["project"]["dependencies"])
    groups = PROJECT["dependency-groups"]
    for group in ("build", "dev") if lock == "dev" else ("build",):
        names += [entry for entry in groups[group] if isinstance(entry, str)]
    return [Requirement(name) for name in names]


def pinned(lock: str) -> dict[str, list[str]]:
    """Every package of a lock file with its version, or one for each version of Python."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    versions: dict[str, list[str]] = {}
    for name, number in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(number)
    return versions


@pytest.mark.drift
@pytest.mark.parametrize("lock", LOCKS)
def test_lock_agrees_with_the_project(lock: str) -> None:
    """Each requirement of pyproject.toml is pinned at a version that it allows."""
    pins = pinned(lock)
    requirements = wanted(lock)

    disagreeing = [
        str(requirement)
        for requirement in requirements
        if not any(map(requirement.specifier.contains, pins[canonicalize_name(requirement.name)]))
    ]

    assert requirements
    assert [] == disagreeing


@pytest.mark.drift
def test_locks_agree_with_each_other() -> None:
    """Development runs on the very versions that users run on."""
    runtime = pinned("runtime")

    assert runtime
    assert runtime == {name: number for name, number in pinned("dev").items() if name in runtime}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_hashes_and_no_address(lock: str) -> None:
    """Every pin carries a hash, and nothing says where packages are to come from."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

    assert sum(map(len, pinned(lock).values())) == len(entries)
    assert [] == [entry for entry in entries if "--hash=sha256:" not in entry]
    assert [] == re.findall(r"https?:|file:|index-url|find-links|(?<![\w-])/\w+", text)


def test_versions_agree() -> None:
    """The installed distribution and the change log know the project's version."""
    stated = PROJECT["project"]["version"]
    changes = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[([^]]+)\]", changes, re.MULTILINE)

    assert stated == version("restock")
    assert "Unreleased" == headings[0]
    assert stated in headings[1:] or not headings[1:]


def test_python_versions_agree() -> None:
    """The Makefile supports the Python versions that pyproject.toml names."""
    makefile = (ROOT / "Makefile").read_text()
    supported = re.findall(r"^SUPPORTED := (.+)$", makefile, re.MULTILINE)
    prefix = "Programming Language :: Python :: 3."
    classifiers = PROJECT["project"]["classifiers"]

    assert ["3.11 3.12"] == supported
    assert ["11", "12"] == [c.removeprefix(prefix) for c in classifiers if c.startswith(prefix)]
    assert ">=3.11,<3.13" == PROJECT["project"]["requires-python"]


def test_make_lists_every_target() -> None:
    """Plain `make` lists every target that is meant for people, each with a line of help."""
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)

    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert set(phony.split()) == set(re.findall(r"^  make ([\w-]+) +\S", listed, re.MULTILINE))
    assert {"setup", "demo", "test", "check", "bench", "format", "clean"} <= set(phony.split())


def test_an_unsupported_python_is_refused_in_one_line() -> None:
    """`make` with another Python names the versions that work and how to choose one."""
    command = ["make", "PYTHON=false", "VENV=does-not-exist", "demo"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert 2 == done.returncode
    assert 1 == len(done.stderr.splitlines())
    assert "Python 3.11 or 3.12" in done.stderr
    assert "make PYTHON=python3.12" in done.stderr
    assert not (ROOT / "does-not-exist").exists()


def test_every_file_names_its_license() -> None:
    """The first line of each Python file is the SPDX identifier."""
    files = python_files()
    first = "# SPDX-License-Identifier: Apache-2.0\n"

    assert len(files) > len(PACKAGES)
    assert [] == [path for path in files if not path.read_text().startswith(first)]


def test_no_module_is_long() -> None:
    """A module of more than 400 lines wants to be two."""
    lengths = {path: len(path.read_text().splitlines()) for path in python_files()}

    assert lengths
    assert {} == {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE}


def test_wheel_holds_every_package(tmp_path: Path) -> None:
    """A wheel carries each package with its type marker, and the JSON Schemas."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    for path in (each for package in PACKAGES for each in (ROOT / package).rglob("*")):
        if path.suffix in {".py", ".json", ".typed"}:
            assert path.relative_to(ROOT).as_posix() in names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert not [name for name in names if name.startswith("tests/")]
