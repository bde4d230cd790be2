"""What `make real-sky` and `make starter` do: recipes, the commands they run, figures, and two pages."""
