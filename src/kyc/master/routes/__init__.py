"""The resources of the REST API: each module parses, calls one thing, and renders."""
