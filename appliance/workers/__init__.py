"""What every worker process shares: frames over its pipes, and the environment that it gets."""
