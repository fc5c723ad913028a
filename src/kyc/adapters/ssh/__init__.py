"""Reaching instances by SSH, with asyncssh."""
