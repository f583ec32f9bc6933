"""From the bytes of captured objects to columns of values, and what could not be read on the way."""
