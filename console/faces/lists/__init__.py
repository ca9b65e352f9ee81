"""Server-side lists: declared once, read from the URL, shown page by page, exported as a whole.

A page declares a `ListSpec`: its columns and filters. `read_list(spec, request.GET)` turns a URL
into a `ListRequest`, which is checked against the declaration. What can't be used is left out and
reported in `problems`, one sentence each. `ListRequest.show(rows)` runs the queries for one page
and returns a `Listing`, which is all that a template needs: header cells, chips, counts and links.
All state is in the URL, so a link shows the same list.
"""

from console.faces.lists.declare import (
    DEFAULT_PAGE_SIZE,
    MAX_PAGE_SIZE,
    MAX_TEXT,
    Column,
    Filter,
    ListSpec,
    contains,
    equals,
)
from console.faces.lists.export import safe_cell, stream_csv
from console.faces.lists.page import Listing
from console.faces.lists.read import ListRequest, read_list
from console.faces.lists.response import csv_response, list_response, read_scope, wants_part

__all__ = [
    "DEFAULT_PAGE_SIZE",
    "MAX_PAGE_SIZE",
    "MAX_TEXT",
    "Column",
    "Filter",
    "ListRequest",
    "ListSpec",
    "Listing",
    "contains",
    "csv_response",
    "equals",
    "list_response",
    "read_list",
    "read_scope",
    "safe_cell",
    "stream_csv",
    "wants_part",
]
