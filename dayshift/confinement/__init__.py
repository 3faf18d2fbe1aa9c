"""The first program in a sandbox: it proves the fences, starts the relay, gives system calls up, becomes the command.

Bound into the sandbox and run as `python -I -S dayshift/confinement/__main__.py OPTIONS -- COMMAND` by the interpreter
the daemon runs on. This folder imports the standard library only, as little of it as will do, and nothing of ours but
itself: it is all of the program that an agent's namespace shows.
"""

UNFIT = 97  #: the exit status that says: a fence does not stand, the command was not started
NOT_FOUND, NOT_RUN = 127, 126  #: the command could not be started, as a shell says it
