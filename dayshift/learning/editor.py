"""The person's editor, found and run as git does: VISUAL, EDITOR, else one that every machine has."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

USUAL = ("nano", "vi")
NOT_RUN = (126, 127)  #: what a shell ends with when there is no such program, or it may not be run


def command(environment: Mapping[str, str]) -> str | None:
    """The command line of the editor, without the file; None if there is none."""
    visual = environment.get("VISUAL") if environment.get("TERM", "dumb") != "dumb" else None
    chosen = visual or environment.get("EDITOR")
    if chosen and chosen.strip():
        return chosen
    return next((name for name in USUAL if shutil.which(name, path=environment.get("PATH"))), None)


def edit(editor: str, path: Path) -> int:
    """Let the person edit the file; the editor's exit code when it is done. Ctrl-C is the editor's alone meanwhile."""
    words = f'trap : INT; {editor} "$@"'  # the shell outlives the editor's Ctrl-C, to tell how it ended
    process = subprocess.Popen(["sh", "-c", words, editor, str(path)])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
