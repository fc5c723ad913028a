"""Small emulations of other people's services, for tests: only what the product calls, faithful in that."""
