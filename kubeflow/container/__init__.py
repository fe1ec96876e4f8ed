"""What runs inside a step's container."""
