"""From IPMI's bytes to the model: pure functions, no I/O, no vendor."""
