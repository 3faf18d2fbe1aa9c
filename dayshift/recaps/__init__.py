"""What a week or a month was."""
