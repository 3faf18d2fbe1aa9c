"""What an earlier release left on disk, and its holder as a program: what an upgrade in the middle of a day meets."""
