"""What-if: the planning code that runs live, driven by recordings."""
