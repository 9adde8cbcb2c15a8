"""Canter against its peers and against itself, on the same pages in the same run: `canter bench speed`.

scenarios  what is measured: pages, entries and goals
contenders how each program is run, what it needs, where its results are
serving    the web server and what it serves
turns      the entries run one after another, again and again
figures    pure: medians and ratios
report     tables, JSON and the plot
"""
