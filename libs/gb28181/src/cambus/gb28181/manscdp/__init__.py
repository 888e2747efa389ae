"""MANSCDP: the XML in MESSAGE, SUBSCRIBE and NOTIFY, one file for each family (GB/T 28181-2022 annex A)."""
