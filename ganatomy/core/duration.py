"""Durations as people say them."""


def in_words(seconds: float) -> str:
    """
    >>> in_words(12.0), in_words(90.0), in_words(300.0), in_words(3_599.0), in_words(7_500.0)
    ('12 s', '1.5 min', '5 min', '1 h', '2 h 5 min')
    """
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    if (minutes := round(seconds / 60, 1)) < 60:
        return f"{minutes:g} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
