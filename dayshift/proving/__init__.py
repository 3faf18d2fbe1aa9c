"""What is chosen and proven before a day may start."""
