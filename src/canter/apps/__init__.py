"""Programs on top of the library. Nothing imports these."""
