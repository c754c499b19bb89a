"""Bytes in, model out: pure functions that know the specifications and no vendor."""
