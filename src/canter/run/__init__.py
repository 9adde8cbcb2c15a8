"""`canter run`: a parent that feeds the store, shows progress and takes signals; a worker that fetches."""
