"""What glibc is told so that an agent stays small: one arena, and large buffers given back when they are freed."""

LEAN = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}
