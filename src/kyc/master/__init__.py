"""The one process that decides: settings, wiring, authentication and thin routes."""
