"""Break a fabric on purpose, on a schedule, and judge by figures whether it came through."""
