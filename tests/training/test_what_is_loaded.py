"""A training needs neither torch's compiler nor scipy's signals, and whoever does need them still gets them."""

from __future__ import annotations

from pathlib import Path

from fresh import said


def test_no_training_loads_what_it_does_not_need(strips_folder: Path, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from training.classifier import train_classifier
from training.config import ClassifierConfig, SegmenterConfig, parse
from training.gan.config import gan_config
from training.gan.train import train_gan
from training.segmenter import train_segmenter

data, out = map(Path, sys.argv[1:])
small = {"data": data, "device": "cpu", "batch_size": 4}
gan = {"class": "scratches", "size": 32, "images": 16, "nz": 16, "ngf": 8, "ndf": 8, "checks": 1, "check_samples": 16}
net = {"size": 64, "epochs": 1, "init": "random"}
trainings = (
    train_gan(gan_config({**small, **gan, "out": out / "gan"})),
    train_classifier(parse(ClassifierConfig, {**small, **net, "out": out / "classifier"})),
    train_segmenter(parse(SegmenterConfig, {**small, **net, "crop": 64, "out": out / "segmenter"})),
)
for training in trainings:
    *_, last = training
    print(last.kind, sorted({"torch._dynamo", "sympy", "scipy.signal"} & set(sys.modules)))
"""
    assert said(code, strips_folder, tmp_path) == ["finished []"] * 3


def test_what_was_put_off_works_when_it_is_called() -> None:
    code = """
import torch
from training.libraries import Adam
import scipy.signal

network = torch.nn.Linear(2, 1)
optimiser = Adam(network.parameters(), 0.1)

@torch.compile(backend="eager")
def loss(x):
    return network(x).square().mean()

for _ in range(3):
    loss(torch.ones(4, 2)).backward()
    optimiser.step()
    optimiser.zero_grad()
optimiser.load_state_dict(optimiser.state_dict())
optimiser.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))]})
print(len(optimiser.param_groups), network.weight.grad, int(scipy.signal.convolve([1, 2], [1, 1]).sum()))
"""
    assert said(code) == ["2 None 6"]
