"""The person's feedback, what it proposes, and what agents are told of it."""
