"""Writes made-up URLs: `python -m bench.contenders.urls NUMBER HOSTS`, mixed as a price list's are."""

from __future__ import annotations

import sys

_STEP = 7_919  # a prime: neighbours in the list are of different hosts


def main(number: str, hosts: str) -> None:
    """`NUMBER` URLs over `HOSTS` hosts to standard output."""
    count, spread = int(number), int(hosts)
    write = sys.stdout.write
    for n in range(0, count, 1_000):
        write("".join(url(i, spread) for i in range(n, min(n + 1_000, count))))


def url(n: int, hosts: int) -> str:
    """URL number `n` and a line break."""
    host = n * _STEP % hosts
    return f"https://shop{host}.example/products/{n:x}-some-product-name?variant={n % 97}\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
