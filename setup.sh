#!/bin/sh
# Makes everything dayshift needs to run from this folder: system packages, .venv, the pinned CLI. Asks nothing; skips what is there.
set -eu
cd "$(dirname "$0")"
say() { printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo -n "$@" || { say "cannot run as root: $*"; say "run it yourself, then again: make setup"; exit 3; }
    else say "needs root, and there is no sudo: $*"; exit 3
    fi
}

python=$(command -v python3.11 || command -v python3 || true)
missing=""
[ -n "$python" ] || missing="$missing python3"
[ -z "$python" ] || "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || { say "install these with your system's package manager, then again: make setup:$missing"; exit 3; }
    say "installing system packages:$missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    python=$(command -v python3.11 || command -v python3)
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Python 3.11 or newer is needed; $python is $("$python" -V)"; exit 3; }

stamp=".venv/.installed"
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && cmp -s pyproject.toml "$stamp"; then
    say "everything is there already"
    exit 0
fi
if [ ! -x .venv/bin/python ]; then
    say "making the environment .venv with $("$python" -V)"
    "$python" -m venv .venv
fi
say "installing the Python packages and the pinned Claude Code CLI (about 100 MB) into .venv"
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[cli,dev]'
cp pyproject.toml "$stamp"
say "done"
