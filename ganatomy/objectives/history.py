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

    Nothing here waits for the device: how many images there are the host knows, but for once after a restart.
    """

    images: Tensor
    count: Tensor

    def __init__(self, shape: Shape, size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.held: int | None = 0  # the count, as the host knows it; None: not yet
        self.register_load_state_dict_post_hook(ImageHistory._forget)

    @property
    def full(self) -> bool:
        """Whether every round does the same from here on; known to the host, which does not ask the device."""
        return self.held == self.size

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
        held = int(self.count) if self.held is None else self.held
        shown = fresh.clone()
        for i in range(len(fresh)):
            new, at = fresh[i : i + 1], place[i : i + 1]
            if held < self.size:
                self.images[held] = fresh[i]
                held += 1
            else:
                old = self.images.index_select(0, at)
                shown[i : i + 1] = torch.where(keep[i], old, new)
                self.images.index_copy_(0, at, torch.where(keep[i], new, old))
        self.held = held
        self.count.fill_(held)
        return shown[processes.rank() * own :][:own]

    def _forget(self, _: object) -> None:
        """After a restart: the count is that of the checkpoint."""
        self.held = None
