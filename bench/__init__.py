"""Benches and demonstrations: each prints its figures as one JSON object in its last line."""
