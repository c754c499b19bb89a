"""The HTTP API: the one door of FastAPI. It reads and leaves rows; devices are asked by others."""
