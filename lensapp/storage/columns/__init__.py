"""What is known of the cutouts of a source, column by column."""
