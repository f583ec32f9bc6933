"""One program for each peer, run as a whole process in an environment of its own."""
