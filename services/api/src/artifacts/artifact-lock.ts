// One advisory lock stands between a backup and the deletes: what a row of the backup's snapshot names stays on disk until
// it is copied. PostgreSQL frees it with the connection that holds it, however that ends.

/** Held exclusively by a backup, shared by whoever deletes artifacts; the number is ours alone. */
export const ARTIFACT_LOCK = 7_245_198_302;
