"""Types of the protocol library on one side, of the bus on the other."""
