"""What is kept of what happened: logs, timelines, a crash; and secrets kept out of them."""
