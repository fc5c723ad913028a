"""The version, for everybody: the package itself names the SDK, so nobody below that may import it."""

VERSION = "0.1.0"
