"""A history of generated images, some of which D sees in place of new ones.

Shrivastava et al. (2017), "Learning from simulated and unsupervised images", arXiv:1612.07828, section 2.3, as CycleGAN
uses it: so D does not forget what G drew a while ago.
"""

import torch
from torch import Tensor, nn

from ganatomy.core.randomness import Draws
from ganatomy.core.shape import Shape
from ganatomy.distributed import processes


class ImageHistory(nn.Module):
    """A buffer of `size` generated images, saved with the run.

    Until it is full, every new image is stored and returned. Then, with probability 1/2 each, a new image is returned,
    or takes the place of a random old one, which is returned instead. Several processes keep the same history, and each
    gets its own rows.

    The host counts the images itself, so it never waits for the device, except once after a restart.
    """

    images: Tensor
    count: Tensor

    def __init__(self, shape: Shape, size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.held: int | None = 0  # the count on the host; None: not read from a checkpoint yet
        self.register_load_state_dict_post_hook(ImageHistory._forget)

    @property
    def full(self) -> bool:
        """Whether it is full, so that every round does the same from now on; known without asking the device."""
        return self.held == self.size

    @torch.no_grad()
    def shown(self, fresh: Tensor, draws: Draws, name: str) -> Tensor:
        """Images for D in place of the new ones, `fresh`: [N, C, H, W]; `name`: of the history's random numbers."""
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
        """After loading a checkpoint, whose count the host has not read."""
        self.held = None
