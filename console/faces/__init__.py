"""Lists, pages, forms, REST and admin for any kind of object. Names no kind."""
