"""What glibc is told so that an agent stays small, and fast while it flushes.

One arena; buffers of chunks come from the heap, where the next chunk finds them again: a fresh mapping for each costs a
page fault every 4 KiB, half of a flush's system time. What a pass has freed is given back when it is through
(`kyc.snapshot.memory`).
"""

LEAN = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4000000",
    "MALLOC_TRIM_THRESHOLD_": "32000000",
}
