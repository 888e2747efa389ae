"""GB/T 28181's words as the bus's, and back."""
