"""JSON in, model out: pure functions that know the standard and no vendor."""
