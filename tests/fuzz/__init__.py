"""Fuzz targets (atheris): `make fuzz` runs each for a while; what broke lies in `.fuzz/` as crash-..."""
