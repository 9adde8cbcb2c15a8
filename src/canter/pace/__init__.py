"""How fast each host may be asked: pure, with time as an argument, so it runs in virtual time."""

from canter.pace.gate import OpenPace, Sample
from canter.pace.host import HostPace

__all__ = ["HostPace", "OpenPace", "Sample"]
