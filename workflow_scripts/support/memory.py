"""How this process deals with memory that it has freed."""

from __future__ import annotations

import ctypes


def keep_freed_memory() -> None:
    """Let the C library reuse freed memory, where it is glibc, instead of giving it back to the kernel.

    A training step on a CPU, and every batch of rays, frees and takes the same arrays again, and fresh pages are a good
    part of its time. The process holds on to the most it ever had.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(mmap_max, 0)  # no array is a mapping of its own, which freeing it would end
        mallopt(trim_threshold, 2**31 - 1)
