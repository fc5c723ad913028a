"""A durable S3 server for the tests."""
