"""The project's benchmarks: `python -m bench.speed`, `python -m bench.ingest`. Loopback only."""
