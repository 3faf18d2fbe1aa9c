"""The small process that owns one run: it outlives the daemon, keeps the time, and records how the run ended.

Started as `python -I -S dayshift/holder/__main__.py SPOOL`. This folder imports the standard library only and nothing
of ours but itself, so that a run started by one release can be ended by the next.
"""

import errno

PROTOCOL = 1
STATUS_FD = "{status-fd}"  #: stands in the launch's argv for the pipe on which bubblewrap reports
#: Exit statuses of a holder that did not begin the run: the disk takes nothing, somebody else holds it, it was used.
HINDERED, BUSY, USED = 74, 75, 76
#: Errors for which the machine is to blame and not the run: what is tried later succeeds.
HINDRANCES = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN,
})  # fmt: skip
RETRY_SECONDS = 0.5  #: until what the disk did not take is written again
GRACE_SECONDS = 3.0  #: between asking a run to end and killing it
