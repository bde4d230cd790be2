"""The door of the web app: logging in, and in whose name a page runs."""
