"""Which detector reads pages right that declare no encoding: `python -m bench.detectors`.

The texts of the corpus in the first of some old encodings that can hold them, without any declaration; an
answer is right when the text it gives is the text there was. Needs `chardet` and `charset-normalizer` beside.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import chardet
import charset_normalizer
import turbohtml
from turbohtml.detect import detect

from bench.corpus import pages as corpus
from bench.machine import describe

ENCODINGS = ("cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr")
MIN_LETTERS = 20  # beyond ASCII; fewer say nothing


def pages() -> list[tuple[bytes, str]]:
    """Pages as bytes of an old encoding, and the text that they hold."""
    found = []
    for content in corpus():
        document = turbohtml.parse(content)
        body = document.select_one("body")
        text = " ".join((body.text if body else "").split())
        if len(re.findall(r"[^\W\x00-\x7f]", text)) < MIN_LETTERS:
            continue
        for encoding in ENCODINGS:
            try:
                found.append((f"<p>{text}".encode(encoding), f"<p>{text}"))
            except UnicodeEncodeError:
                continue
            break
    return found


def by_turbohtml(body: bytes) -> str | None:
    """WHATWG's name and decoder."""
    codec = detect(body).codec
    return body.decode(codec, "replace") if codec else None


def by_chardet(body: bytes) -> str | None:
    """A name of Python's."""
    name = chardet.detect(body)["encoding"]
    return body.decode(name, "replace") if name else None


def by_normalizer(body: bytes) -> str | None:
    """A text of its own."""
    best = charset_normalizer.from_bytes(body).best()
    return str(best) if best else None


def main() -> None:
    """How many each reads right, and ms of CPU a page."""
    print(describe())
    samples = pages()
    detectors: dict[str, Callable[[bytes], str | None]] = {
        "turbohtml": by_turbohtml,
        "chardet": by_chardet,
        "charset-normalizer": by_normalizer,
    }
    for name, read in detectors.items():
        began = time.process_time()
        right = sum(read(body) == text for body, text in samples)
        cost = (time.process_time() - began) / len(samples) * 1e3
        print(f"{name}: {right} of {len(samples)} right, {cost:.1f} ms a page", flush=True)


if __name__ == "__main__":
    main()
