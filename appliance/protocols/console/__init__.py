"""The console's API below `/admin/api`: ours alone, for the pages at `/admin` and for scripts."""
