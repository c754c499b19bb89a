"""The command line: one file per noun, loaded when it is called (docs/decisions/0007)."""
