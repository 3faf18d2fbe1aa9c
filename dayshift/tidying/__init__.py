"""What may be removed, and its removal."""
