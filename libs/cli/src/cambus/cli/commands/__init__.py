"""The commands of cambusctl, one module for each; imported when they are used."""
