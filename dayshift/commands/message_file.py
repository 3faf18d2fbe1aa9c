"""The file that `accept` writes a commit's message into: nothing that is there already is ever lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from dayshift import files
from dayshift.commandline import Failure
from dayshift.model import Record
from dayshift.reviewing import commit_message


@dataclass(frozen=True, slots=True)
class MessageFile:
    """A path, or `-` for the output."""

    place: Path

    @property
    def is_output(self) -> bool:
        """Whether it is printed, and nothing else may be."""
        return self.place == Path("-")

    def must_take(self, records: Sequence[Record]) -> None:
        """Failure, before anything is accepted, if the message of these tasks could not be written."""
        if self.is_output or self._is_free(commit_message.written(records)):
            return
        raise Failure(f"{self.place} is there already, with other content; move it away or name another file")

    def _is_free(self, text: str) -> bool:
        if not self.place.parent.is_dir():
            raise Failure(f"there is no folder {self.place.parent} to write {self.place.name} into; make it first")
        try:
            return self.place.read_bytes() == text.encode()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise Failure(f"{self.place} cannot be used for the message: {error.strerror}") from error

    def write(self, records: Sequence[Record]) -> None:
        """Write the message of these tasks, or print it; Failure if something else came into its place."""
        text = commit_message.written(records)
        if self.is_output:
            return click.echo(text, nl=False)
        if not files.publish_once(self.place, text):
            self.must_take(records)
        return click.echo(f"the commit's message is in {self.place}", err=True)
