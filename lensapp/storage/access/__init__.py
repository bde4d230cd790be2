"""Who may do what: accounts, their sessions and invitations."""
