"""The answer and the chain that makes it."""
