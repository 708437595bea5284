"""Who may register: the rule, its secrets, and what it does to the registry; for the twin and the fleet."""
