"""The ports in memory, with time and failures under the test's control; each passes its port's contract tests."""
