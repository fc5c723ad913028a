"""Shapes on the network: frozen, typed, decoded and checked at the door by msgspec (ADR 2)."""
