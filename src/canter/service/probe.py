"""`python -m canter.service.probe [URL]`: whether a service is well, as an exit status; for health checks.

Nothing but the standard library is loaded. URL is by default that of the service in the same container:
http://127.0.0.1:8080/health, with `CANTER_PORT` in place of 8080 where it is set. Exit 0: healthy or
degraded; 1: unhealthy, or no answer within 4 s. What it says is one line.
"""

from __future__ import annotations

import json
import os
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_TIMEOUT = 4.0  # seconds; less than what the image's health check waits
_MOST = 1_000_000  # bytes of an answer


def probe(url: str) -> tuple[bool, str]:
    """Ask for `url`; whether the service is well enough to be left running, and a line for people."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=_TIMEOUT)
    try:
        connection.request("GET", parts.path or "/health", headers={"Connection": "close"})
        answer = connection.getresponse()
        health = json.loads(answer.read(_MOST))
        said = "; ".join([str(health["status"]), *map(str, health["reasons"])])
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        return False, f"{url}: no answer of a service: {error or type(error).__name__}"
    finally:
        connection.close()
    return answer.status == 200, said


def main() -> int:
    """Print the line; the exit status."""
    default = f"http://127.0.0.1:{os.environ.get('CANTER_PORT') or 8080}/health"
    well, said = probe(sys.argv[1] if len(sys.argv) > 1 else default)
    sys.stdout.write(said + "\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
