"""The command line: one file a command group, composed in main.py."""
