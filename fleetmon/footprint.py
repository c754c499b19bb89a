"""What this process does to stay small and steady with ten thousand devices, by how it looks after memory."""

from __future__ import annotations

import ctypes
import gc
import os

COLLECTOR = (50_000, 25, 25)
"""Containers made between two looks at the young ones, and how many of those lie between looks at the older ones."""
MAPPED = 128 * 1024
"""Bytes from which a block is mapped by itself, so that it goes back to the system when it is freed."""
TRIMMED = 1024 * 1024
"""Bytes of free heap that are kept."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of `mallopt(3)`."""
RESOLVERS = 64
"""Threads that look names up. libuv has four, and four names whose server is dead would keep all others waiting."""


def settle() -> None:
    """Set the collector and the allocator for a process that holds much for long and much more for milliseconds.

    The collector looks rarely: answers end by their counts, and a look at everything that is remembered of ten thousand
    devices holds the loop for the better part of a second. Large blocks stay mapped by themselves; glibc would begin to
    take them from the heap, where what lives long keeps it from shrinking: measured at 10,000 servers, 1.59 GB against
    1.38 GB. Other C libraries are left as they are. Called before the loop runs, since libuv counts its threads once.
    """
    gc.set_threshold(*COLLECTOR)
    os.environ.setdefault("UV_THREADPOOL_SIZE", str(RESOLVERS))
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED)
        mallopt(_M_TRIM_THRESHOLD, TRIMMED)
