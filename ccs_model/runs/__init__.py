"""Run folders: one reader, one writer, the lock, the manifest and the cache key."""
