"""The life of a workspace: what lies in it, snapshots, archives, checks, and the trash."""
