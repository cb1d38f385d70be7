"""Dead letters: looking at them without taking them, and bringing them back."""
