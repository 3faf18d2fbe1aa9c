"""The small process that owns one run: it outlives the daemon, keeps the time, and records how the run ended.

Started as `python -I -S dayshift/holder/__main__.py SPOOL`. This folder imports the standard library only and nothing
of ours but itself, so that a run started by one release can be ended by the next.
"""

PROTOCOL = 1
STATUS_FD = "{status-fd}"  #: stands in the launch's argv for the pipe on which bubblewrap reports
BUSY, USED = 75, 76  #: exit statuses of a holder that did not begin the run: somebody else holds it, it was used before
GRACE_SECONDS = 3.0  #: between asking a run to end and killing it
