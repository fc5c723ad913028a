"""Commands as plain processes: no root, no container, any Linux."""
