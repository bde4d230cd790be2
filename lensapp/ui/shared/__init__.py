"""What several pages use: forms, figures, pictures, state, control of jobs."""
