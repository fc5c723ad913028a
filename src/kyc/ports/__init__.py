"""What kyc needs of the world: small Protocols, each with its contract in the docstring."""
