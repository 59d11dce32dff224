"""What can go wrong in a fabric, each injected by the mechanism that makes it real."""
