from pathlib import Path
import time
from tests.virtual import *


def test_speed(tmp_path):
    house = House(tmp_path, max_rate=0, max_per_host=0, pace="off", allow_network="127.0.0.0/8")
    t = time.time()
    lines = [u for n in range(100) for u in urls(f"127.0.0.{n}", 200)]
    r = house.crawl(lines)
    print(time.time() - t, r.seconds, len(r.rows), r.most_in_flight)
    assert len(r.rows) == 20000


def test_paced(tmp_path):
    house = House(tmp_path, max_rate=5.0)
    t = time.time()
    lines = [u for n in range(100) for u in urls(f"h{n}.example", 200)]
    r = house.crawl(lines)
    print(time.time() - t, r.seconds, len(r.rows), r.most_in_flight)
    assert len(r.rows) == 20000
