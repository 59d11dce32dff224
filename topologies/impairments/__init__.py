"""What is done on purpose to the packets that leave an interface."""
