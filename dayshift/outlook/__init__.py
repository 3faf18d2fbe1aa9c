"""What lies ahead, from what became of like tasks: forecast, caps, advice, what a day leaves to the next."""
