"""What an agent is shown of a person's tools: tables on a made-up home."""

from pathlib import Path

import pytest

from dayshift.sandboxing.toolchain import Toolchain, detect

SECRET = (".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".local/share/keyrings/login", ".netrc",
          "work/.env", ".cargo/credentials.toml", ".docker/config.json")  # fmt: skip

# Links of the home: where they stand, and what they point to.
LINKS = {
    ".local/bin/black": ".local/share/pipx/venvs/black/bin/black",
    ".local/bin/ruff": ".local/share/uv/tools/ruff/bin/ruff",
    ".local/bin/deploy": "work/scripts/deploy",
    ".local/bin/agent": ".ssh/agent",
    ".local/bin/settings": ".config/settings",
    ".local/bin/mine": "mine",
    ".local/bin/gone": "nowhere",
    ".volta/bin/node": ".volta/bin/volta-shim",
}
PROGRAMS = (
    ".pyenv/shims/python", ".pyenv/versions/3.12.1/bin/python", ".nvm/versions/node/v22/bin/node", ".cargo/bin/cargo",
    ".rustup/toolchains/stable/bin/cargo", "bin/own", "go/bin/gopls", ".npm-global/bin/eslint", ".volta/bin/volta-shim",
    "work/.venv/bin/pytest", ".config/yarn/global/bin/tsc", ".local/share/uv/python/cpython-3.13/bin/python3.13",
)  # fmt: skip
ENVIRONMENTS = {
    "work/.venv": ".pyenv/versions/3.12.1/bin",
    ".local/share/uv/tools/ruff": ".local/share/uv/python/cpython-3.13/bin",
    ".local/share/pipx/venvs/black": "/usr/bin",
}
LOCAL = [".local/bin", ".local/share/pipx/venvs/black", ".local/share/uv/python/cpython-3.13",
         ".local/share/uv/tools/ruff", "work/scripts"]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with every kind of tool, and secrets beside them."""
    home = tmp_path / "home" / "me"
    for name in (*SECRET, *PROGRAMS, *LINKS.values()):
        if name != "nowhere":
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).touch(0o755)
    for name, target in LINKS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to(home / target)
    for name, base in ENVIRONMENTS.items():
        (home / name / "pyvenv.cfg").write_text(f"version = 3\nhome = {home / base}\n")
    return home


def shown(tools: Toolchain, home: Path) -> list[str]:
    return [str(folder.relative_to(home)) for folder in tools.folders]


@pytest.mark.parametrize(
    ("entries", "folders", "variables"),
    [
        ([], [], {}),
        ([".pyenv/shims"], [".pyenv"], {"PYENV_ROOT": ".pyenv"}),
        ([".pyenv/versions/3.12.1/bin", ".pyenv/shims"], [".pyenv"], {"PYENV_ROOT": ".pyenv"}),
        ([".nvm/versions/node/v22/bin"], [".nvm"], {"NVM_DIR": ".nvm"}),
        ([".volta/bin"], [".volta"], {"VOLTA_HOME": ".volta"}),
        ([".cargo/bin"], [".cargo/bin", ".rustup"], {"RUSTUP_HOME": ".rustup"}),
        (["work/.venv/bin"], [".pyenv", "work/.venv"], {"PYENV_ROOT": ".pyenv"}),
        ([".local/bin"], LOCAL, {}),
        (["bin"], ["bin"], {}),
        (["go/bin"], ["go"], {}),
        ([".npm-global/bin"], [".npm-global"], {}),
        ([".config/yarn/global/bin"], [".config/yarn/global"], {}),
        (["nowhere/bin"], [], {}),
        ([".", "..", "../.."], [], {}),
        ([".ssh", ".aws", ".config", ".local", ".local/share", ".docker"], [], {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_path_shows_the_tools_it_leads_to_and_what_they_stand_on(
    home: Path, entries: list[str], folders: list[str], variables: dict[str, str]
) -> None:
    tools = detect(":".join(str((home / entry).resolve()) for entry in entries), home)
    assert shown(tools, home) == folders
    assert tools.environment == {name: str(home / folder) for name, folder in variables.items()}


def everything(home: Path) -> str:
    folders = {str(path.parent) for path in home.rglob("*") if not path.is_dir()}
    return ":".join([*sorted(folders), str(home), str(home.parent)])


def exposed(tools: Toolchain, home: Path) -> list[str]:
    private = [name for name in SECRET if name.startswith((".ssh", ".aws", ".docker", ".local", ".netrc", ".cargo"))]
    return [
        name for name in private for folder in tools.folders if (home / name).resolve().is_relative_to(folder.resolve())
    ]


def test_even_with_the_whole_home_on_path_no_key_is_shown(home: Path) -> None:
    path = everything(home).replace(f"{home}/.local/share/keyrings:", "").replace(f"{home}/.cargo:", "")
    assert exposed(detect(path, home), home) == []


@pytest.mark.parametrize("entry", ["bin", ".local/bin", ".pyenv/shims", "work/.venv/bin", ".ssh", "."])
def test_a_home_of_two_names_stays_as_private(home: Path, tmp_path: Path, entry: str) -> None:
    other = tmp_path / "me"
    other.symlink_to(home)
    for named, meant in [(other, other), (home, other), (other, home)]:
        tools = detect(str(named / entry), meant)
        assert exposed(tools, home) == []
        seen = any((named / entry).is_relative_to(folder) for folder in tools.folders)
        assert seen == (entry.endswith(("bin", "shims")))


def test_the_systems_own_folders_need_no_showing(home: Path) -> None:
    assert detect("/usr/local/bin:/usr/bin:/bin:/usr/sbin", home).folders == ()


def test_a_program_outside_the_home_comes_with_its_prefix(home: Path, tmp_path: Path) -> None:
    for name in ("opt/x/bin", "opt/x/bin/deeper", "srv/tools"):
        (tmp_path / name).mkdir(parents=True)
    tools = detect(":".join(str(tmp_path / name) for name in ("opt/x/bin", "opt/x/bin/deeper", "srv/tools")), home)
    assert tools.folders == (tmp_path / "opt/x", tmp_path / "srv/tools")


def test_path_keeps_its_order_once_each_without_what_is_no_absolute_folder(home: Path) -> None:
    tools = detect(f"{home}/bin:/usr/bin:relative/bin::{home}/nowhere:{home}/bin", home)
    assert tools.path == (home / "bin", Path("/usr/bin"))
