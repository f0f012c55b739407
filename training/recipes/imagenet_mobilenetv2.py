"""ImageNet's MobileNetV2 as the product carries it: fp16, without the layer that knows ImageNet's thousand classes.

uv run python training/recipes/imagenet_mobilenetv2.py ../shared/weights/mobilenetv2_100.safetensors
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save

from models.checkpoint import read_tensors
from models.files import atomic_write
from models.libraries import timm
from models.start import IMAGENET

NOTICE = {
    "source": "timm mobilenetv2_100 (Sandler et al. 2018), trained on ImageNet",
    "licence": "Apache-2.0",
    "changes": "batch norm's statistics estimated anew; no classifier; parameters as fp16",
}


def main() -> None:
    network = timm.create_model("mobilenetv2_100", num_classes=0)
    network.load_state_dict(
        {name: t for name, t in read_tensors(Path(sys.argv[1])).items() if "classifier" not in name}
    )
    # Batch-norm variances underflow in fp16.
    halves = {name for name, _ in network.named_parameters()}
    tensors = {name: t.half() if name in halves else t for name, t in network.state_dict().items()}
    IMAGENET.parent.mkdir(exist_ok=True)
    atomic_write(IMAGENET, save(tensors, NOTICE))


if __name__ == "__main__":
    main()
