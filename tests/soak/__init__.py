"""A long crawl of many hosts that misbehave: `make soak`."""
