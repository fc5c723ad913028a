"""In-memory adapters for tests and simulations, with faults that can be set."""
