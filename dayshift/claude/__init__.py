"""The Claude Code CLI: which one, how it is started, what it says, its tool calls."""
