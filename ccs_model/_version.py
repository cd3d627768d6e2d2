"""The version of the package, which messages name."""

__version__ = "0.2.0"
