"""A decoding process: reads tasks from standard input, writes results to standard output, ends with its parent.

Started as `python -m ganatomy.data.child`, not through `multiprocessing`, whose spawned processes import the caller's
main module again: that costs seconds (torch) and breaks scripts without a `__main__` guard.
"""

import os
import pickle
import sys
import warnings

from PIL import Image


def main() -> None:
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not print into the results
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `decoding.opened` raises instead
    while True:
        try:
            function, arguments = pickle.load(sys.stdin.buffer)
            pickle.dump(function(*arguments), results, protocol=pickle.HIGHEST_PROTOCOL)
            results.flush()
        except (EOFError, BrokenPipeError):
            os._exit(0)  # not sys.exit: flushing into a pipe that the parent has closed would complain


if __name__ == "__main__":
    main()
