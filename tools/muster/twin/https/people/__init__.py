"""The page for people: sign in, claim boards, see how they are, release them."""
