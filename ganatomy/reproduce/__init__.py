"""The five study reports, claim by claim. Importing this package registers every report, and nothing that trains."""

from importlib import import_module

for _report in (
    "animal_faces",
    "cifar10_architectures",
    "dcgan_representation",
    "mnist_conditional",
    "unpaired_translation",
):
    import_module(f"{__name__}.{_report}")
