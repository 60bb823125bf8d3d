"""One module a version of the tables. What was released is never changed."""
