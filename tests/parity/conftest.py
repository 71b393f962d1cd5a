"""torch-fidelity imports torchvision, which wants two operators that a CPU-only torch lacks; nobody calls them."""

import torch

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")  # they live as long as this does
for name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, name):
        OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
