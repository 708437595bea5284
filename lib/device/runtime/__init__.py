"""What runs the board: start, supervisor, session, identity. Uses the ports that it is handed."""
