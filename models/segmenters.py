"""Segmenters: segmentation_models.pytorch decoders on timm encoders, and a U-Net that needs neither."""

from __future__ import annotations

from typing import Any

from torch import nn

from models.elu_unet import EluUNet
from models.libraries import smp
from models.spec import NetworkSpec

DECODERS: dict[str, type[nn.Module]] = {
    "unet": smp.Unet,
    "unetplusplus": smp.UnetPlusPlus,
    "fpn": smp.FPN,
    "linknet": smp.Linknet,
    "deeplabv3plus": smp.DeepLabV3Plus,
    "elu_unet": EluUNet,
}


def build_segmenter(spec: NetworkSpec) -> nn.Module:
    """A network with one logit map a class and random weights: N×3×h×w → N×C×h×w, both multiples of 32.

    Raises:
        ValueError: the decoder or the encoder is unknown.
    """
    if spec.architecture not in DECODERS:
        raise ValueError(f"there is no segmenter called {spec.architecture!r}; choose from {', '.join(DECODERS)}")
    if spec.architecture == "elu_unet":
        return EluUNet(len(spec.classes), **spec.arguments)
    arguments: dict[str, Any] = dict(spec.arguments)
    encoder = str(arguments.pop("encoder", "mobilenetv2_100"))
    try:
        network = DECODERS[spec.architecture](
            encoder_name=f"tu-{encoder}", encoder_weights=None, classes=len(spec.classes), **arguments
        )
    except RuntimeError as error:
        raise ValueError(f"{encoder!r} cannot serve as an encoder: {str(error).splitlines()[0]}") from error
    return network
