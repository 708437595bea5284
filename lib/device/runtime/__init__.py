"""Runs the board: start, supervisor, session, identity. Uses the ports it is given."""
