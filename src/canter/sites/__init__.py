"""Sites: the hosts and paths each one claims, how it is asked, and the rules that read its pages.

`load_site_file` reads the TOML of the contract, `SiteBook` says which site a URL belongs to. Every mistake
is a ConfigError of one line that names the key, in a file the file too, and what was expected. `AUTO` is the
built-in site that reads what no other claims.
"""

from canter.sites.auto import AUTO
from canter.sites.book import HostRules, SiteBook
from canter.sites.file import DEFAULTS, SiteFile, load_site_file
from canter.sites.site import Field, Kind, Site, parse_name

__all__ = [
    "AUTO",
    "DEFAULTS",
    "Field",
    "HostRules",
    "Kind",
    "Site",
    "SiteBook",
    "SiteFile",
    "load_site_file",
    "parse_name",
]
