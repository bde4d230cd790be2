"""The gate through which every file of others is read: limits, guards, processes that may crash."""
