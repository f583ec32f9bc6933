"""The owner's own scripts, written for Model Monitor, in a process of their own."""
