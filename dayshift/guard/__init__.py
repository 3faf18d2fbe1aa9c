"""The guard: judges a tool call before it runs, by a real parse of the shell. `judge` is the way in, `policy` the data."""
