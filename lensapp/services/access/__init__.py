"""Who may do what: accounts, passwords, logging in, what may be read and where."""
