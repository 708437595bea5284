"""What the stand-ins of the virtual board share: power, flash and clock."""
