"""The Python SDK: `Client` and its async twin do all that the API does."""
