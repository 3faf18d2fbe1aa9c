"""Changes to a SQLite file: each is made as a whole or not at all; those that are made together share one commit."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from dayshift.failpoints import passing


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing of it, alone among writers, on disk at its end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        passing("transaction.made")
        connection.execute("COMMIT")
        passing("transaction.committed")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class Changes:
    """The changes to one file, by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._together = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes of the block become durable at its end, in one commit."""
        with transaction(self._db):
            self._together = True
            try:
                yield
            finally:
                self._together = False

    @contextmanager
    def change(self) -> Iterator[None]:
        """All of the block or nothing of it; on disk at its end, or at that of the changes it is made together with."""
        if not self._together:
            with transaction(self._db):
                yield
            return
        if not self._db.in_transaction:  # SQLite undoes it all by itself when it must, e.g. on a full disk
            raise sqlite3.OperationalError("the changes it was to be made together with were undone")
        self._db.execute("SAVEPOINT change")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK TO change")
                self._db.execute("RELEASE change")
            raise
        self._db.execute("RELEASE change")
