"""Every configuration object of DVRIP §8 as a dataclass, a module per family; `catalog` finds them by name."""
