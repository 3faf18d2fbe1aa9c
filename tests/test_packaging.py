"""What is installed is what stands here: no module, no folder and no file that the program reads is forgotten."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
INSTALLED: dict[str, Any] = PROJECT["tool"]["setuptools"]
ROOMS = {path.stem for path in ROOT.glob("*.py")} - {"demo"}  # the demo runs in a checkout alone


def test_every_room_is_installed_and_checked() -> None:
    assert set(INSTALLED["py-modules"]) == ROOMS
    assert {f"{room}.py" for room in ROOMS} <= set(PROJECT["tool"]["mypy"]["files"])


def test_every_folder_of_the_package_is_installed() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "dayshift").rglob("*.py")}
    assert set(INSTALLED["packages"]) == {".".join(folder.parts) for folder in folders}
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)


def test_every_file_that_is_no_module_goes_with_its_folder() -> None:
    found = {path for path in (ROOT / "dayshift").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    data: dict[str, list[str]] = INSTALLED["package-data"]
    taken = {
        path
        for package, patterns in data.items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert found == taken


def test_the_configuration_that_is_shipped_is_installed() -> None:
    assert INSTALLED["data-files"] == {"share/dayshift/config": ["config/*"]}
    assert {path.name for path in (ROOT / "config").iterdir()} >= {"orchestrator.yaml", "policy.yaml"}
