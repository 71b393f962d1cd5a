"""torch-fidelity imports torchvision, which wants more than a CPU-only torch has."""

from benchmarks.metrics import stand_in_for_torchvision

OPERATORS = stand_in_for_torchvision()
