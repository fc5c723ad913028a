"""The schema's history, in the wheel, so that a new version brings an old database up to date when it starts."""
