"""A memory of generated images, shown to D in the place of new ones.

Shrivastava et al. (2017), "Learning from simulated and unsupervised images", arXiv:1612.07828, section 2.3, as CycleGAN
uses it: D does not forget what G did a while ago.
"""

import torch
from torch import Tensor, nn

from ganatomy.core.randomness import Draws
from ganatomy.core.shape import Shape
from ganatomy.distributed import processes


class ImageHistory(nn.Module):
    """The last images that were not shown again yet; state, saved with the run.

    While it is not full, an image is shown and kept. Then half of the images are shown, and half are kept in the place
    of an old one, which is shown instead. Several processes keep the same history, each showing its own rows.
    """

    images: Tensor
    count: Tensor

    def __init__(self, shape: Shape, size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def shown(self, fresh: Tensor, draws: Draws, name: str) -> Tensor:
        """What to show in the place of `fresh` [N, C, H, W]."""
        if self.size == 0:
            return fresh
        keep = draws.uniform(f"{name} history") < 0.5
        place = draws.integers(f"{name} history place", self.size)
        own = len(fresh)
        fresh = fresh.detach().to(self.images.dtype)
        if processes.world() > 1:
            fresh, keep, place = (processes.gather(part).to(self.images.device) for part in (fresh, keep, place))
        shown = fresh.clone()
        for i in range(len(fresh)):
            if int(self.count) < self.size:
                self.images[self.count] = fresh[i]
                self.count += 1
            elif keep[i]:
                shown[i] = self.images[place[i]]
                self.images[place[i]] = fresh[i]
        return shown[processes.rank() * own :][:own]
