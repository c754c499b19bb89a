"""The dashboards' sources and the commands that build and picture them; run from a checkout, not part of the wheel."""
