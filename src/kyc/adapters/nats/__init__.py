"""NATS JetStream: the default stream, embedded or anywhere else."""
