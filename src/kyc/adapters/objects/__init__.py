"""The stream in an object store (S3, GCS, Azure), through obstore. `open` has the factory; the rest loads obstore."""
