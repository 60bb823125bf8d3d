from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from ghostpose.errors import UserError
from ghostpose.network.backbone import TABLE_2, Backbone, SqueezeExcite, divisible
from ghostpose.network.model import PoseNetwork, fold_batch_norm, normalise
from ghostpose.network.options import PRESETS, NetworkOptions, preset

SMALL = torch.linspace(-0.5, 0.5, 2 * 3 * 48 * 64).reshape(2, 3, 48, 64)


def shaken(options: NetworkOptions) -> PoseNetwork:
    """A network whose batch norms do something, so that a fold that forgot them would show."""
    torch.manual_seed(7)
    network = PoseNetwork(options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


@pytest.mark.parametrize("name", PRESETS)
def test_eval_mode_gives_the_last_stage_at_stride_8(name: str) -> None:
    with torch.inference_mode():
        (maps,) = PoseNetwork(preset(name)).eval()(SMALL)
    assert maps.pcm.shape == (2, 19, 6, 8)
    assert maps.paf.shape == (2, 38, 6, 8)


@pytest.mark.parametrize("stages", [0, 1, 3])
def test_training_mode_gives_every_stage_and_eval_the_last_of_them(stages: int) -> None:
    network = PoseNetwork(NetworkOptions(refinement_stages=stages))
    assert len(network.train()(SMALL)) == 1 + stages
    network.eval()
    with torch.inference_mode():
        every = network.forward_training(SMALL)
        assert torch.equal(network(SMALL)[-1].pcm, every.stages[-1].pcm)
    assert len(every.stages) == 1 + stages


def test_training_outputs_have_the_neck_and_as_many_stages_as_are_wanted() -> None:
    network = PoseNetwork(NetworkOptions(refinement_stages=2))
    outputs = network.forward_training(SMALL, 1)
    assert outputs.neck.shape == (2, 128, 6, 8)
    assert len(outputs.stages) == 2


def test_every_parameter_gets_a_gradient_from_the_training_outputs() -> None:
    network = PoseNetwork().train()
    sum(maps.pcm.square().sum() + maps.paf.square().sum() for maps in network(SMALL)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_backbone_follows_the_papers_table() -> None:
    backbone = Backbone()
    assert len(backbone.blocks) == 11
    assert backbone.channels == tuple(row.out for row in TABLE_2)
    kernels = [getattr(block.stride, "conv", None) for block in backbone.blocks]
    assert [k.kernel_size[0] for k in kernels if k is not None] == [3, 5]


def test_squeeze_excite_can_be_left_out() -> None:
    with_it, without = (
        PoseNetwork(NetworkOptions(squeeze_excite=wanted)).modules() for wanted in (True, False)
    )
    assert sum(isinstance(module, SqueezeExcite) for module in with_it) == 4
    assert not any(isinstance(module, SqueezeExcite) for module in without)


@pytest.mark.parametrize(
    ("channels", "rounded"), [(16, 16), (18, 20), (2, 4), (25.5, 24), (4.4, 4)]
)
def test_channels_are_made_divisible_by_4(channels: float, rounded: int) -> None:
    assert divisible(channels) == rounded


@pytest.mark.parametrize("options", [NetworkOptions(), NetworkOptions(1.5, False, 2)])
def test_folding_leaves_no_batch_norm_and_the_same_maps(options: NetworkOptions) -> None:
    network = shaken(options)
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    with torch.inference_mode():
        before, after = network(SMALL)[-1], folded(SMALL)[-1]
    torch.testing.assert_close(after.pcm, before.pcm, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.paf, before.paf, rtol=1e-4, atol=1e-5)


def test_no_elu_has_a_boolean_alpha() -> None:
    alphas = [m.alpha for m in PoseNetwork().modules() if isinstance(m, nn.ELU)]
    assert len(alphas) == 6
    assert all(type(alpha) is float for alpha in alphas)


COMPILES = """
import torch
from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import NetworkOptions

network = PoseNetwork(NetworkOptions(width=0.25)).train()
compiled = torch.compile(network.forward_training, backend="eager", fullgraph=True)
assert len(compiled(torch.zeros(1, 3, 32, 48)).stages) == 2
"""


def test_training_pass_compiles_without_a_graph_break() -> None:
    """In a process of its own: compilation hooks into the interpreter and never lets go."""
    subprocess.run([sys.executable, "-c", COMPILES], check=True)


def test_normalising_maps_0_128_255_to_minus_half_zero_and_just_under_half() -> None:
    assert normalise(torch.tensor([0.0, 128.0, 255.0])).tolist() == [-0.5, 0.0, 127 / 256]


def test_unknown_preset_is_one_sentence_with_the_choices() -> None:
    with pytest.raises(UserError, match=r"'pose-huge': choose from pose, pose-wide"):
        preset("pose-huge")


@pytest.mark.parametrize("options", [{"width": 0.0}, {"width": 5.0}, {"refinement_stages": -1}])
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UserError):
        NetworkOptions(**options)  # type: ignore[arg-type]
