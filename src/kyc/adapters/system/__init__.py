"""This machine: its clock, its key file."""
