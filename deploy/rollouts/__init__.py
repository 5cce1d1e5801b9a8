"""The parts of deploy/rollout."""
