"""Other ways to serve the same checkpoint: what bench/http.ts measures beside ours."""
