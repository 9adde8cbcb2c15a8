"""Hosts that hide a limit, in virtual time: what paces are measured and tuned on. Pure, seeded, no I/O."""
