"""The edge in Python alone: the fallback where neither Envoy nor HAProxy runs. Slow, and HTTP/1.1 only."""
