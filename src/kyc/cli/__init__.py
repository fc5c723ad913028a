"""The `kyc` command: parses, calls the SDK, renders."""
