"""The replication engine: files to chunks and manifests in a stream, and back. Knows ports.stream only."""
