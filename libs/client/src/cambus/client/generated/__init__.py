"""Commands, typed: generated from the catalog by `make schemas`; not edited by hand."""
