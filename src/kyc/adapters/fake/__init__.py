"""Ports in memory: the same contracts as the real ones, for tests and simulations."""
