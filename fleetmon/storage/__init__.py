"""The store: two SQLite files behind one writer each, and the SQL, noun by noun."""

from fleetmon.storage.store import Store, open_store

__all__ = ["Store", "open_store"]
