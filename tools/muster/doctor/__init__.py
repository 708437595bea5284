"""What is wrong with a board, in plain words: facts from the board (device/diagnose.py), rules, sentences."""
