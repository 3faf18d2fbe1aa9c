"""An agent's way to the model: the gateway, its gate, its meter, and the second look at tool calls."""
