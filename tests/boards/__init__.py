"""Programs that behave like a board on a cable, for tools that we did not write."""
