"""Set the default start method of the program that is run, not of its children."""

import os

METHOD = os.environ.pop("MPGLOBALS_START_METHOD", "")
if METHOD:
    import multiprocessing

    multiprocessing.set_start_method(METHOD)
