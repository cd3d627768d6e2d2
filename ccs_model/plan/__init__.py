"""The answer: `Plan`, its tables, accounts and checks; never calls a solver."""
