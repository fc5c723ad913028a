"""Replicas in containers of a Docker Engine."""
