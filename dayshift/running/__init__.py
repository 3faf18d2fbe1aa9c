"""One run of an agent: its spool, what is heard of it, what it is told, how long it may take."""
