"""Files that are exchanged with agents, commands and the person: questions, answers, requests, status."""
