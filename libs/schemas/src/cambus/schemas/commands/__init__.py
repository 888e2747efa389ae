"""The commands, one file for each noun; what a module declares here is in the catalog."""
