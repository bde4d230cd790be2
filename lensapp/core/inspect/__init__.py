"""Reviews, grades, consensus and the orders in which candidates are shown."""
