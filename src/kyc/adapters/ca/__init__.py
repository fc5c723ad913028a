"""The master's own certificate authority, by which edge and instances know each other."""
