"""What the person is told wherever they are: the outbox, its couriers, the channels."""
