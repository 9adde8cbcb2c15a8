"""Canter refreshes product pages."""

__version__ = "0.1.0"
