"""The names of programs that run another command, and of those whose words are nothing but data."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLAIN = {
    "!": 0, "{": 0, "do": 0, "then": 0, "else": 0, "if": 0, "while": 0, "until": 0, "elif": 0, "spring": 0,
    "sudo": 0, "doas": 0, "nice": 0, "nohup": 0, "setsid": 0, "stdbuf": 0, "ionice": 0, "chrt": 1, "taskset": 1,
    "timeout": 1, "gtimeout": 1, "time": 0, "gtime": 0, "command": 0, "builtin": 0, "exec": 0, "unbuffer": 0,
    "ltrace": 0, "strace": 0, "flock": 1, "chroot": 1, "unshare": 0, "nsenter": 0, "systemd-run": 0,
    "systemd-inhibit": 0, "xvfb-run": 0, "rlwrap": 0, "firejail": 0, "bwrap": 0, "faketime": 1, "caffeinate": 0,
    "arch": 0, "catchsegv": 0, "valgrind": 0, "fakeroot": 0, "eatmydata": 0, "setarch": 0, "linux32": 0,
    "linux64": 0, "prlimit": 0, "cpulimit": 0, "chpst": 0, "runuser": 0, "run0": 0, "pkexec": 0,
    "dbus-run-session": 0, "dbus-launch": 0, "winpty": 0, "busybox": 0, "toybox": 0, "proot": 0, "setpriv": 0,
    "capsh": 0, "gosu": 1, "su-exec": 1, "tini": 0, "dumb-init": 0, "npx": 0, "bunx": 0, "uvx": 0, "pnpx": 0,
    "dotenv": 0, "dotenvx": 0, "cross-env": 0, "cross-env-shell": 0, "env-cmd": 0, "chronic": 0, "ts-node": 0,
    "tsx": 0, "noglob": 0, "nocorrect": 0, "ssh-agent": 0, "tsocks": 0, "torsocks": 0, "proxychains": 0,
    "proxychains4": 0, "torify": 0, "aws-vault": 0, "sg": 1, "retry": 0, "infisical": 0, "teller": 0, "chamber":
    0, "envdir": 1, "setlock": 1, "softlimit": 0, "multitime": 0, "cgexec": 0, "numactl": 0, "trickle": 0,
    "start-stop-daemon": 0, "script": 0, "faketty": 0, "sem": 0, "trace": 0, "perf": 1, "coverage": 1,
    "s6-setuidgid": 1, "s6-env": 0, "setuidgid": 1, "rr": 1, "heaptrack": 0, "foreman": 1, "honcho": 1,
    "overmind": 1, "hivemind": 0, "systemd-nspawn": 0, "ld.so": 0, "i386": 0, "x86_64": 0, "with-env": 0, "lima":
    0, "orb": 0, "wsl": 0,
}  # fmt: skip  #: wrappers, and how many words of their own stand before the command
SUBCOMMANDS = {
    "go": {"run": 0, "tool": 0}, "java": {"-jar": 0}, "poetry": {"run": 0}, "uv": {"run": 0}, "pipenv": {"run":
    0}, "pdm": {"run": 0}, "rye": {"run": 0}, "hatch": {"run": 0}, "bundle": {"exec": 0}, "bundler": {"exec": 0},
    "mise": {"exec": 0, "x": 0}, "rtx": {"exec": 0, "x": 0}, "direnv": {"exec": 1}, "asdf": {"exec": 0}, "conda":
    {"run": 0}, "mamba": {"run": 0}, "micromamba": {"run": 0}, "pixi": {"run": 0, "exec": 0}, "devbox": {"run":
    0}, "pipx": {"run": 0}, "npm": {"exec": 0, "x": 0, "explore": 1}, "pnpm": {"exec": 0, "dlx": 0}, "yarn":
    {"exec": 0, "dlx": 0, "run": 0}, "bun": {"x": 0, "run": 0}, "doppler": {"run": 0}, "op": {"run": 0},
    "railway": {"run": 0}, "heroku": {"run": 0, "run:detached": 0}, "docker": {"exec": 1, "run": 1}, "podman":
    {"exec": 1, "run": 1}, "nerdctl": {"exec": 1, "run": 1}, "docker-compose": {"exec": 1, "run": 1},
    "podman-compose": {"exec": 1, "run": 1}, "kubectl": {"exec": 1, "debug": 1, "run": 1}, "oc": {"exec": 1,
    "rsh": 1, "debug": 1, "run": 1},
    "lxc": {"exec": 1}, "ddev": {"exec": 0}, "lando": {"ssh": 0}, "nix": {"develop": 0, "shell": 0, "run": 0},
    "flox": {"activate": 0}, "rbenv": {"exec": 0}, "pyenv": {"exec": 0}, "nodenv": {"exec": 0}, "nvm": {"exec": 1,
    "run": 1}, "fnm": {"exec": 0}, "volta": {"run": 0}, "sail": {"php": 0, "artisan": -1}, "symfony": {"console":
    -1, "php": 0, "composer": -1}, "corepack": {"yarn": -1, "pnpm": -1, "npm": -1}, "rustup": {"run": 1},
    "composer": {"exec": 0}, "opam": {"exec": 0}, "stack": {"exec": 0},
    "cargo": dict.fromkeys(("sqlx", "prisma", "sea-orm", "diesel", "refinery", "butane"), -1),
    "cabal": {"exec": 0}, "apptainer": {"exec": 1}, "singularity": {"exec": 1}, "vagrant": {"ssh": 0},
    "machinectl": {"shell": 1}, "distrobox": {"enter": 0}, "toolbox": {"run": 0}, "sops": {"exec-env": 1,
    "exec-file": 1}, "git-town": {"x": 0}, "kamal": {"exec": 0}, "dokku": {"run": 1, "enter": 2}, "scalingo":
    {"run": 0}, "gigalixir": {"run": 0}, "convox": {"run": 1, "exec": 1}, "cf": {"ssh": 1, "run-task": 1},
    "nomad": {"exec": 1}, "copilot": {"exec": 0}, "porter": {"run": 1, "exec": 1}, "okteto": {"exec": 0},
    "devcontainer": {"exec": 0}, "waypoint": {"exec": 0}, "acorn": {"exec": 1}, "platform": {"ssh": 0}, "upsun":
    {"ssh": 0}, "render": {"ssh": 0}, "coder": {"ssh": 1}, "gdb": {"--args": 0}, "lldb": {"--": 0}, "minikube":
    {"ssh": 0}, "dotnet": {"tool": 1}, "lerna": {"exec": 0}, "crictl": {"exec": 1}, "ctr": {"exec": 1}, "buildah":
    {"run": 1}, "vault": {"exec": 0}, "netlify": {"dev:exec": 0}, "vercel": {"env": 1}, "multipass": {"exec": 1},
    "pm2": {"start": 0}, "forever": {"start": 0}, "limactl": {"shell": 1}, "colima": {"ssh": 0},
    "incus": {"exec": 1}, "zellij": {"run": 0}, "guix": {"shell":
    0},
}  # fmt: skip  #: the same by subcommand; -1 where it is itself the command
SCRIPT_OPTIONS = {
    "eb": ("-c", "--command"), "su": ("-c", "--command"), "runuser": ("-c",), "flock": ("-c", "--command"),
    "script": ("-c", "--command"), "nix-shell": ("--run", "--command"), "nix": ("-c", "--command"), "npx": ("-c",
    "--call"), "npm": ("-c", "--call"), "fly": ("-C", "--command"), "flyctl": ("-C", "--command"), "rg":
    ("--pre",), "tar": ("--to-command", "--use-compress-program", "-I", "--checkpoint-action"), "bsdtar":
    ("--use-compress-program", "-I"), "rsync": ("-e", "--rsh", "--rsync-path"), "split": ("--filter",), "sort":
    ("--compress-program",), "man": ("-P", "--pager"), "nodemon": ("-x", "--exec"), "gcloud": ("--command",),
    "vagrant": ("-c", "--command"), "sg": ("-c",), "pwsh": ("-c", "-Command", "-command"), "powershell": ("-c",
    "-Command"), "watchmedo": ("-c", "--command"), "zip": ("-TT", "--unzip-command"), "kitty": ("-e",), "xterm":
    ("-e",), "gnome-terminal": ("-e",), "wsl": ("-e", "--exec"), "scp": ("-S",), "make": ("--eval",), "gmake":
    ("--eval",), "capsh": ("-c",), "docker": ("--entrypoint",), "podman": ("--entrypoint",), "git-shell": ("-c",),
    "cmd": ("/c", "/C"), "cmd.exe": ("/c", "/C"), "newgrp": ("-c",), "chokidar": ("-c", "--command"), "ncat":
    ("-e", "-c", "--exec", "--sh-exec"), "nc": ("-e", "-c"), "netcat": ("-e", "-c"), "complete": ("-C",),
    "compgen": ("-C",), "mapfile": ("-C",), "readarray": ("-C",), "bind": ("-x",), "aws": ("--command",),
    "ansible": ("-a", "--args"), "cargo": ("-s", "--shell"), "cargo-watch": ("-s", "--shell"), "go": ("-toolexec",
    "-exec", "-vettool"), "cf": ("-c", "--command"), "copilot":
    ("-c", "--command"),
}  # fmt: skip  #: options that take a shell line
JOINED = {
    "rush": 0, "pssh": 0, "parallel-ssh": 0, "pdsh": 0, "clush": 0, "salt": 2, "dsh": 0, "ssh": 1, "watch": 0,
    "mosh": 1, "sshpass": 0, "tmux": 0, "screen": 0, "byobu": 0, "dtach": 0, "abduco": 0, "autossh": 1, "rsh": 1,
    "hyperfine": 0, "concurrently": 0, "entr": 0, "watchexec": 0, "onchange": 0, "chokidar": 1,
    "start-server-and-test": 0,
}  # fmt: skip  #: wrappers that make one line of their words

_VALUED = {
    "sudo": """
        --chdir --group --host --prompt --user -C -D -R -T -U -g -h -p -r -t -u
    """,
    "doas": """
        -C -u
    """,
    "nice": """
        --adjustment -n
    """,
    "timeout": """
        --kill-after --signal -k -s
    """,
    "strace": """
        -E -I -O -P -S -X -a -b -e -o -p -s -u
    """,
    "chroot": """
        --groups --userspec
    """,
    "ssh": """
        -B -D -E -F -I -J -L -O -Q -R -S -W -b -c -e -i -l -m -o -p -w
    """,
    "docker": """
        --add-host --cap-add --cap-drop --cpus --detach-keys --device --dns --entrypoint --env --env-file
        --expose --file --gpus --health-cmd --hostname --index --ip --ipc --label --link --log-driver --log-opt
        --memory --mount --name --net --network --network-alias --pid --platform --profile --project-name
        --publish --pull --restart --runtime --security-opt --shm-size --stop-signal --tmpfs --ulimit --user
        --volume --volumes-from --workdir -a -c -e -f -h -l -m -p -u -v -w
    """,
    "kubectl": """
        --as --cluster --container --context --filename --image --kubeconfig --namespace --server --target
        --token --user -c -f -n -s
    """,
}
#: options that take the next word, for wrappers whose users often give such words the names of programs
VALUED = {name: _words(options) for name, options in _VALUED.items()}
VALUED |= dict.fromkeys(("podman", "nerdctl", "docker-compose", "podman-compose"), VALUED["docker"])
VALUED |= {"oc": VALUED["kubectl"], "gtimeout": VALUED["timeout"], "autossh": VALUED["ssh"]}

DATA = _words("""
    : [ [[ ack ag alembic alias alternatives apk apropos apt apt-cache apt-get apt-mark aptitude asdf ava awk
    base64 basename bat bats behave black brew bun bundle cargo cat cd cheat chmod choco chown claude cloc cmp
    code codespell codex column comm commitlint compgen complete composer conda cowsay cp ctags ctest cucumber
    curl cursor cut cypress date declare depcheck df dialog dict diff dirname dnf docker docker-compose docs dpkg
    dpkg-query du echo egrep emerge eslint exit export expr false fd fdfind fgrep figlet file find flatpak fmt
    fold fuser gem gh git gitlint glab hadolint actionlint yamllint stylelint markdownlint tflint golangci-lint
    pylint flake8 towncrier gmake go go-licenses grep gum hash head helm help hexdump howdoi htop http
    info install jest join journalctl jq kill killall knip kubectl launchctl less ln local locate logger look ls
    lsof mail make mamba man md5sum mise mkdir mkdocs mocha more mv mypy nano nerdctl nl notify-send npm npm-check
    nvim od open pacman paste pcregrep pest pg_format pgrep phpunit pidof pip pip3 pipx pkg pkill playwright pnpm
    podman podman-compose poetry popd port prettier printf ps pushd py.test pytest rc-service read readlink
    readonly realpath return rg rm rmdir rpm rspec rsync ruff say scc scoop sed seq service set sha256sum
    shellcheck shfmt sleep snap sort sphinx-build sqlfluff squawk stat strings stty systemctl tail tap tar tee
    terraform test tldr tofu toilet tokei top touch tput tr tree true tsc type typeset ugrep unalias uniq units
    unset unzip update-alternatives uv vale vim vitest wait wall wc wget whatis whence whereis which whiptail
    winget xdg-open xh xxd yarn yay yes yq yum zenity zgrep zip zypper
""")  #: programs whose words name data, packages, processes or patterns, and are not run
EXEC_OPTIONS = _words("""
    --before-script --compress-program --editor --exec --exec-after --exec-before --launch --on-change
    --on-failure --on-success --pager --post-command --pre-command --program --rsh --shell-command --to-command
    --use-compress-program -exec -toolexec -vettool
""")  #: options whose value is run, whatever the program
RUN_OPTIONS = EXEC_OPTIONS | _words("""
    --call --cmd --command --eval --exec-command --execute --expr --run --script --shell -Command -a -c -command
    -e -x
""")  #: options whose value an unknown program may run
TEXT_OPTIONS = _words("""
    --body --comment --data --description --exclude --expression --filter --find --format --grep --header --ignore
    --include --keyword --label --log --match --message --msg --name --note --pattern --prompt --query --regexp
    --search --subject --summary --tag --tags --test-name-pattern --testNamePattern --text --title -g -k -m -n -p
    -t
""")  #: options whose value is prose or a pattern, whatever the program
