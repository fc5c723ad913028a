"""When: the loops that observe, let planning decide, and act through ports."""
