"""Stores keep crawls, sinks write records to files. Adapters never import each other."""
