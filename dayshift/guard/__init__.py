"""The guard: judges a tool call before it runs, by a real parse of the shell. The way in is `judge`."""
