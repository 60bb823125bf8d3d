"""The dashboard: a page that shows what cameras see and do, and changes what they are set to.

It reads what any consumer may read, writes what `ghostpose cameras` and `ghostpose dead` write, and
nothing of the pipeline waits for it.
"""
