"""The project's repository: git, worktrees and what they hold, the audit, the checks of work."""
