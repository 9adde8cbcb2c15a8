"""The next pacer, on trial against the same simulated hosts: `python -m bench.pacer [--hosts N]`.

It grows by what is known of a host, learns the limit from what was admitted between refusals, tells caps on
connections, windows, queues and noise from rates, and remembers by day and hour (`host` draws it). It is not
`canter.pace` yet: a burst of bare 503s, as of a host that is down for a while, puts it on the ladder of
pauses for good, so that a crawl gives the host up that would have come back.
"""
