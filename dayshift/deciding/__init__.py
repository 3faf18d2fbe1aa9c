"""What follows from what: pure decisions on tasks, and the queue and the protocols round them."""
