"""Analyses: loops over the chain from scenario to plan, never a second chain."""
