"""The real sandbox: what an agent tries in it changes nothing outside, and what it needs works.

When the tests run as root, everything is tried once more as a normal user.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayshift import git, toolchain
from dayshift.sandbox import SOCKET_NAME, Sandbox
from dayshift.workspace import Workspace
from tests.conftest import WHO

NOBODY = 12345
CALLERS = ["this user", "a normal user"] if os.getuid() == 0 else ["this user"]
SYSTEM_PATH = "/usr/bin:/bin"
MENDED = ("shop", "origin.git", "agent_workspaces")
SECRETS = (".ssh/id_ed25519", ".aws/credentials", ".local/share/keyrings/login", "notes.txt", ".bash_history")

# Every script exits with 0 if it did what it says. {git} is the repository's git directory, {port} a host's listener.
GIT_WRITES = {
    "add": "echo x >> README.md && git add README.md",
    "commit": "git commit -q --allow-empty -m x",
    "commit all": "echo x >> README.md && git commit -qam x",
    "update-ref": "git update-ref refs/heads/escaped HEAD",
    "branch": "git branch escaped",
    "delete branch": "git branch -D feature",
    "tag": "git tag escaped",
    "stash": "echo x >> README.md && git stash -q",
    "config": "git config user.name Mallory",
    "remote": "git remote add elsewhere /nowhere",
    "gc": "git gc -q --prune=now",
    "worktree": "git worktree add -q --detach ../elsewhere",
    "checkout": "git checkout -q -b escaped",
    "reset": "git reset -q --soft HEAD~1",
    "merge": "git merge -q feature",
    "cherry-pick": "git cherry-pick --allow-empty feature",
    "rm": "git rm -q --cached README.md",
    "mv": "git mv src/orders.py src/moved.py",
    "notes": "git notes add -m x",
    "symbolic-ref": "git symbolic-ref HEAD refs/heads/feature",
    "hash-object": "echo x$$ | git hash-object -w --stdin",
    "bisect": "git bisect start",
    "fetch": "git fetch -q origin",
    "push": "git push -q origin HEAD:refs/heads/escaped",
    "push to a path": "git push -q {origin} HEAD:refs/heads/escaped",
    "hook": "echo '#!/bin/sh' > {git}/hooks/pre-commit",
    "HEAD by hand": "echo ref: refs/heads/feature > {git}/HEAD",
    "index by hand": "rm -f {git}/index",
    "its worktree's folder": "rm -rf {git}/worktrees/dayshift-task-1",
    "hard link": "ln README.md {git}/escaped",
}
GIT_FILE = {
    "removed": "rm .git",
    "moved": "mv .git elsewhere",
    "overwritten": "echo gitdir: /tmp > .git",
    "linked": "ln -sfn /tmp .git",
    "moved with its folder": "cd .. && mv repo elsewhere",
    "moved with the workspace": "cd ../.. && mv task-1 elsewhere",
}
WAYS_OUT = {
    "TCP": "{python} -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 2)'",
    "unix socket": "{python} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{house}/host.sock\")'",
    "abstract socket": "{python} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"\\0{abstract}\")'",
    "another workspace": "cat {house}/agent_workspaces/task-2/repo/README.md",
    "the person's tree": "cat {house}/shop/README.md",
    "the remote": "ls {origin}/refs",
    "processes of the host": "grep -qs py[t]est /proc/[0-9]*/cmdline",
    "a signal to the host": "kill -0 {pid}",
    "the environment of the host": "cat /proc/[0-9]*/environ | grep -q PASSED",
    "a file of the house": "echo x >> {house}/shop/src/orders.py",
    "the other's file": "echo x >> {house}/agent_workspaces/task-2/repo/README.md",
    **{f"secret {path}": f"cat {{house}}/person/{path}" for path in SECRETS},
}
NO_POWER = {
    "shadow": "cat /etc/shadow",
    "system": "touch /usr/escaped",
    "mount": "mount -t tmpfs none /mnt",
    "remount": "mount -o remount,rw,bind {git}",
    "unmount": "umount {git}/hooks || umount .git",
    "user namespace": "unshare -Ur true",
    "mount namespace": "unshare -m true",
    "chroot": "chroot / true",
    "host name": "hostname escaped",
    "managed settings": "echo {{}} > /etc/claude-code/managed-settings.json",
    "managed folder": "mv /etc/claude-code /etc/elsewhere || rm -r /etc/claude-code",
    "root": "test $(id -u) = 0",
    "capabilities": "grep -q 'Cap.*:.*[1-9a-f]' /proc/self/status",
}
READS = {
    "status": ("git status --short", "?? new.txt"),
    "log": ("git log --oneline", "words"),
    "diff": ("git diff HEAD~1", "+def page():"),
    "show": ("git show HEAD --stat", "src/orders.py"),
    "blame": ("git blame src/orders.py", "A Person"),
    "grep": ("git grep -n page", "src/orders.py:4"),
    "branches": ("git branch --list --all", "feature"),
    "stashes": ("git stash list", ""),
    "remotes": ("git remote -v", "origin.git"),
    "ls-files": ("git ls-files", "README.md"),
    "python": ("{python} -c 'import ssl, sqlite3; print(6 * 7)'", "42"),
    "user": ("whoami >&2; id -u", "1000"),
    "own folder": ("echo kept > ../summary.md && cat ../summary.md", "kept"),
    "own tree": ("mkdir -p a/b && echo made > a/b/c && mv a/b/c d && cat d && rm d", "made"),
    "home": ("echo x > ~/file && cat $HOME/file", "x"),
    "scratch": ("mktemp", "/tmp/"),
    "a repository of its own": ("rm -rf /tmp/own && git init -q /tmp/own && git -C /tmp/own status", "No commits yet"),
    "no lock left": ("git status >/dev/null; find {git} -name '*.lock' | wc -l", "0"),
}


@dataclass(frozen=True)
class House:
    """A project with its remote, two workspaces, a person's home; and the sandbox round the first workspace."""

    folder: Path
    place: Workspace
    port: int
    caller: list[str]  #: what makes a command that user's

    def sandbox(self, **facts: object) -> Sandbox:
        given: dict[str, object] = {"environment": {"PATH": SYSTEM_PATH}, "managed": self.folder / "managed", **facts}
        place = self.place
        return Sandbox(place.folder, place.repo, place.project.common_dir, place.home, **given)  # type: ignore[arg-type]

    def words(self, script: str) -> list[str]:
        return ["/bin/sh", "-c", script.format(
            git=self.place.project.common_dir, origin=self.folder / "origin.git", house=self.folder, port=self.port,
            pid=os.getpid(), abstract=self.folder.name, python="/usr/bin/python3",
        )]  # fmt: skip

    def inside(self, script: str, **facts: object) -> "subprocess.CompletedProcess[str]":
        return self._run(self.sandbox(**facts).argv(self.words(script)), {})

    def outside(self, script: str) -> "subprocess.CompletedProcess[str]":
        person = {"PATH": SYSTEM_PATH, "HOME": str(self.folder / "person"), "PASSED": "x"}
        return self._run(self.words(script), {**os.environ, **person})

    def _run(self, argv: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.caller, *argv], env=environment, cwd=self.place.repo, capture_output=True, text=True, timeout=30,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def everything(self) -> dict[str, object]:
        """All there is but the agent's own workspace, with the workspace's .git file."""
        mine = self.place.folder
        paths = [path for path in self.folder.rglob("*") if mine not in path.parents] + [self.place.repo / ".git"]
        return {str(path): path.read_bytes() if path.is_file() else path.lstat().st_mode for path in paths}


def lay_out(folder: Path) -> Workspace:
    """Everything on disk that a house has."""

    def run(*words: str | Path, where: str = "shop") -> None:
        subprocess.run(["git", *words], cwd=folder / where, check=True, capture_output=True)

    (folder / "shop" / "src").mkdir(parents=True)
    (folder / "managed").mkdir()
    (folder / "managed" / "managed-settings.json").write_text("{}")
    run("init", "-q", "--bare", folder / "origin.git", where=".")
    run("init", "-q", "-b", "main")
    for text in ("ORDERS = []\n", "ORDERS = []\n\n\ndef page():\n    return ORDERS\n"):
        (folder / "shop/src/orders.py").write_text(text)
        (folder / "shop/README.md").write_text("# Shop\n")
        run("add", "--all")
        run("commit", "-q", "-m", "words")
    run("remote", "add", "origin", folder / "origin.git")
    run("push", "-q", "origin", "main")
    run("checkout", "-q", "-b", "feature")
    run("commit", "-q", "--allow-empty", "-m", "feature")
    run("checkout", "-q", "main")
    for name in SECRETS:
        (folder / "person" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "person" / name).write_text("secret\n")
    project = git.find(folder / "shop")
    places = [Workspace(folder / "agent_workspaces" / name, project) for name in ("task-1", "task-2")]
    for place in places:
        place.make("HEAD")
    (places[0].repo / "new.txt").write_text("new\n")
    return places[0]


@contextmanager
def built(caller: str) -> Iterator[House]:
    """A house that belongs to the caller, with somebody listening at every door of the host."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dayshift-house-")))
        place = lay_out(folder)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (str(folder / "host.sock"), "\0" + folder.name):
            door = stack.enter_context(socket.socket(socket.AF_UNIX))
            door.bind(address)
            door.listen()
        words: list[str] = []
        if caller == "a normal user":
            words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        yield House(folder, place, tcp.getsockname()[1], words)


@pytest.fixture(scope="module")
def identity() -> Iterator[None]:
    """Who commits while a house is laid out."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**WHO, "GIT_CONFIG_GLOBAL": os.devnull}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module", params=CALLERS)
def house(request: pytest.FixtureRequest, identity: None) -> Iterator[House]:
    with built(request.param) as house:
        yield house


@pytest.fixture(scope="module")
def unfenced(identity: None) -> Iterator[tuple[House, Path]]:
    """A house for what is tried without a sandbox, and a copy to mend it from."""
    with built(CALLERS[0]) as house, tempfile.TemporaryDirectory() as copy:
        for name in MENDED:
            shutil.copytree(house.folder / name, Path(copy, name))
        yield house, Path(copy)


@pytest.fixture
def sacrifice(unfenced: tuple[House, Path]) -> Iterator[House]:
    house, copy = unfenced
    yield house
    for name in MENDED:
        shutil.rmtree(house.folder / name)
        shutil.copytree(copy / name, house.folder / name)


# --- what must fail --------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [*GIT_WRITES.values(), *GIT_FILE.values()], ids=[*GIT_WRITES, *GIT_FILE])
def test_no_write_reaches_the_repository(house: House, script: str) -> None:
    before = house.everything()
    assert house.inside(script).returncode != 0
    assert house.everything() == before


@pytest.mark.parametrize("script", WAYS_OUT.values(), ids=WAYS_OUT)
def test_nothing_of_the_host_is_in_reach(house: House, script: str) -> None:
    before = house.everything()
    assert house.inside(script).returncode != 0
    assert house.everything() == before


@pytest.mark.parametrize("script", NO_POWER.values(), ids=NO_POWER)
def test_the_agent_has_no_power_over_the_system(house: House, script: str) -> None:
    before = house.everything()
    assert house.inside(script).returncode != 0
    assert house.everything() == before


@pytest.mark.parametrize(
    "script", [*GIT_WRITES.values(), *GIT_FILE.values(), *WAYS_OUT.values()], ids=[*GIT_WRITES, *GIT_FILE, *WAYS_OUT]
)
def test_without_the_sandbox_the_same_would_work(sacrifice: House, script: str) -> None:
    done = sacrifice.outside(script)
    assert done.returncode == 0, done.stderr


def test_files_written_outside_the_workspace_are_seen_by_nobody(house: House) -> None:
    before = house.everything()
    house.inside("for each in / {house} /etc /run /tmp /var/tmp /dev/shm $HOME/../..; do echo x > $each/escaped; done")
    assert house.everything() == before
    assert not any(Path(each, "escaped").exists() for each in ("/", "/etc", "/run", "/tmp", "/var/tmp", "/dev/shm"))


# --- what must work --------------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "said"), READS.values(), ids=READS)
def test_reading_and_working_go_on_as_usual(house: House, script: str, said: str) -> None:
    before = house.everything()
    done = house.inside(script)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert house.everything() == before


def test_the_relay_leads_to_the_agents_own_socket_from_the_first_moment(house: House) -> None:
    sockets = house.folder / "sockets"
    sockets.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as gateway:
        gateway.bind(str(sockets / SOCKET_NAME))
        gateway.listen()
        (sockets / SOCKET_NAME).chmod(0o777)
        for _ in range(5):
            done = house.inside("bash -c 'exec 3<>/dev/tcp/127.0.0.1/8900'", sockets=sockets)
            assert done.returncode == 0, done.stderr
        assert house.inside("rm -f /run/dayshift/*.sock", sockets=sockets).returncode != 0
    shutil.rmtree(sockets)


def script_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_persons_tools_are_there_and_the_rest_of_their_home_is_not(house: House) -> None:
    person = house.folder / "person"
    real = person / ".pyenv" / "versions" / "3.99" / "bin" / "python3.99"
    script_file(real, "echo python in $PYENV_ROOT")
    script_file(person / ".pyenv" / "shims" / "python3.99", f"exec {real}")
    environment = person / "work" / ".venv"
    script_file(environment / "bin" / "app", f"{environment}/bin/python && echo app")
    (environment / "bin" / "python").symlink_to(real)
    (environment / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    tool = person / ".local" / "share" / "pipx" / "venvs" / "tool" / "bin" / "tool"
    script_file(tool, "echo tool")
    (person / ".local" / "bin").mkdir()
    (person / ".local" / "bin" / "tool").symlink_to(tool)
    (person / "work" / "notes").write_text("secret\n")
    path = f"{environment}/bin:{person}/.pyenv/shims:{person}/.local/bin:{SYSTEM_PATH}"
    tools = toolchain.detect(path, person)
    shown = {"environment": {"PATH": path, **tools.environment}, "read_only": tools.folders}
    done = house.inside("app && python3.99 && tool", **shown)
    root = person / ".pyenv"
    assert done.stdout.splitlines() == [f"python in {root}", "app", f"python in {root}", "tool"], done.stderr
    for name in (*SECRETS, "work/notes"):
        assert house.inside(f"cat {person / name}", **shown).returncode != 0, name
    assert house.inside(f"echo x >> {real}", **shown).returncode != 0
