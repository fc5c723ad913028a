"""The edge as an Envoy process: files it watches, its administration socket, its waiting room."""
