"""The scripted model: a Messages API on loopback, the turns it plays, the answers it gives."""
