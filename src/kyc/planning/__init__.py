"""What should change: pure functions from (state, now) to actions, each with its reason."""
