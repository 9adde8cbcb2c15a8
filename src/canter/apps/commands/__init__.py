"""The commands, by what they are about. `canter.apps.cli` gives them their names."""
