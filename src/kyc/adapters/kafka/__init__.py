"""The stream on Apache Kafka, through confluent-kafka. `open` has the factory; the rest loads librdkafka."""
