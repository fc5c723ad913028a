<<<<<<< HEAD
"""The ports in memory, with time and failures under the test's control; each passes its port's contract tests."""
=======
"""In-memory adapters for tests and simulations, with faults that can be set."""
>>>>>>> stream
