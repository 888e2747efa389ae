"""cambusctl, the command line of Cambus."""
