"""Full float32 where bfloat16 or TF32 would be too coarse: logged figures, losses, penalties, scores, samples."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def without_tf32() -> Iterator[None]:
    """cuDNN convolutions in full float32, forwards and backwards; torch rounds their factors to TF32 by default.

    Matrix products are in full float32 anyway, unless `torch.set_float32_matmul_precision` was called.
    """
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def at_least_float32(x: Tensor) -> Tensor:
    """Half-precision tensors, such as autocast makes, in float32; float32 and float64 as they are.

    >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype, at_least_float32(torch.zeros(1).double()).dtype
    (torch.float32, torch.float64)
    """
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
