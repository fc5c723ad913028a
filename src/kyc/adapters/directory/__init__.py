"""A plain directory as the stream: an attached disk, or a network file system."""
