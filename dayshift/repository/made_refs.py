"""The branches that dayshift made in a repository at the person's word, noted there, so that the audit knows whose.

A note lies where every agent's sandbox can only read, and no manifest looks. Without a sandbox it proves as little as
anything else on the disk. It joins git, which keeps the references.
"""

from dayshift.repository.git import Repository

NOTES = "dayshift-refs"  #: in objects/info: a line for each, what it became, and its name; the last one counts
GONE = "-"


def note(project: Repository, ref: str, value: str) -> None:
    """Write down that the reference is about to be made, or with GONE to be taken away."""
    place = project.common_dir / "objects" / "info" / NOTES
    place.parent.mkdir(exist_ok=True)
    with place.open("a") as file:
        file.write(f"{value} {ref}\n")


def noted(project: Repository) -> dict[str, str]:
    """What each reference became by dayshift last."""
    try:
        lines = (project.common_dir / "objects" / "info" / NOTES).read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {ref: value for value, _, ref in (line.partition(" ") for line in lines)}
