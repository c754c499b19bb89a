"""The performance scorecard: each line prints its figure beside a peer's and the floor. Never timed tests."""
