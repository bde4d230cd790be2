"""What files are, before they are imported: whose images, which columns, what lies in a folder."""
