"""The machine and the processes on it: disks and their room, process 1, systemd, the person's browser."""
