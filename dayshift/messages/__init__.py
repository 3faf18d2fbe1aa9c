"""The Messages API as it passes by: the most a request can use, what an answer did use, the calls in it."""
