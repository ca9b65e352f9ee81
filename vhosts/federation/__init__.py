"""Federation: upstreams, upstream sets, and the links that they lead to."""
