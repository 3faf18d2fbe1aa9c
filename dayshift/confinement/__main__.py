"""From the options to the command: `--fixed=PATH` must be read-only, `--relay=PORT:SOCKET` is served beside it,
`--limit=NAME:NUMBER` holds for each process, `--filter=HEX` is what all give up, `--command-filter=HEX` what all but
the relay do."""

import os
import sys

if __name__ == "__main__":  # isolated, Python looks nowhere but in its own library
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from dayshift.confinement import NOT_FOUND, NOT_RUN, UNFIT
from dayshift.confinement.kernel import give_up, heed_signals


class Unfit(Exception):
    """A fence does not stand; the message says which."""


def main(words: list[str]) -> int:
    """Become the command behind the fences; a status is returned only if that failed."""
    given, command = options(words)
    environment = own_environment()
    try:
        confine(given)
    except (OSError, Unfit) as error:
        print(f"dayshift: {error}; nothing was started", file=sys.stderr)
        return UNFIT
    return become(command, environment)


def options(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The values given to each option, and the command behind `--`."""
    end = words.index("--")
    given: dict[str, list[str]] = {}
    for word in words[:end]:
        name, _, value = word.partition("=")
        given.setdefault(name, []).append(value)
    return given, list(words[end + 1 :])


def own_environment() -> dict[bytes, bytes]:
    """What this process was given; to os.environ Python may have added a locale of its own choice."""
    with open("/proc/self/environ", "rb") as file:
        entries = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    return {name: value for name, _, value in entries if name}


def confine(given: dict[str, list[str]]) -> None:
    """Everything in its order: look, let go, listen, give up, part with the relay, give up the rest."""
    for path in given.get("--fixed", []):
        must_be_read_only(path)
    if "--limit" in given:
        from dayshift.confinement.rlimits import set_each

        set_each(given["--limit"])
    let_go_of_descriptors()
    if "--relay" in given:
        from dayshift.confinement.relay import Relay  # sockets take as long to import as Python to start

        relay = Relay(given["--relay"])
        give_up_each(given.get("--filter", []))
        relay.serve_in_a_child()
    else:
        give_up_each(given.get("--filter", []))
    give_up_each(given.get("--command-filter", []))


def must_be_read_only(path: str) -> None:
    """Unfit if what may never change could."""
    if not os.statvfs(path).f_flag & os.ST_RDONLY:
        raise Unfit(f"{path} could be written in the sandbox")


def let_go_of_descriptors() -> None:
    """Nothing stays open but the three streams, whatever whoever started this forgot to close."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:  # the one by which they were listed
                pass


def give_up_each(filters: list[str]) -> None:
    """One filter after the other, as they stand in the options."""
    for text in filters:
        give_up(bytes.fromhex(text))


def become(command: list[str], environment: dict[bytes, bytes]) -> int:
    """Turn into the command."""
    heed_signals()
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        print(f"dayshift: {command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
