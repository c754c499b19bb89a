"""fleetmon: out-of-band hardware monitoring and fleet management."""

__version__ = "0.1.0"
