"""Mirror everything declared on a broker in Postgres, less often than depths are polled."""
