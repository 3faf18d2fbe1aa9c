"""The state of a home, looked at part by part, and put right where that loses nothing."""
