"""An agent's way to hosts: the tunnel, and the list that names, addresses and TLS hellos are held to."""
