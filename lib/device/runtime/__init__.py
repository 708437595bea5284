"""What services stand on: starting, supervising, going online. Uses the ports it is handed."""
