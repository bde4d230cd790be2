"""The views of the Evaluate page that check what a score rests on: audits, and what should not matter."""
