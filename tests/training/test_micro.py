"""Micro's network, file and training at a size that fits a test; torch is needed."""

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest

from structure.engine import serve
from structure.export import Matrices, export
from structure.recipe import read_recipe
from structure.recipe_deepseek2 import Deepseek2Recipe, is_coarse
from structure.rows import Part, Rows, sees
from structure.template import CONTROL_TOKENS, TEXT_TOKENS
from structure.tokenizer import train_tokenizer

if find_spec("torch") is None:
    reason = "torch is not installed; training/requirements.txt has it"
    pytest.skip(reason, allow_module_level=True)
else:
    import torch

    from structure.deepseek2 import Deepseek2
    from structure.network import build
    from structure.optimiser import Optimisers, orthogonal
    from structure.qat import fake_quantised, rounded
    from structure.train import Job, _Learner

    torch.set_num_threads(1)  # more of them only wait for each other on matrices this small

_RECIPES = Path(__file__).resolve().parents[2] / "training" / "recipes"
_TINY = Deepseek2Recipe(
    name="kilonova.tiny-v1:0",
    vocabulary=320,
    width=64,
    layers=3,
    heads=2,
    query_rank=32,
    latent_rank=32,
    plain_width=32,
    rope_width=16,
    value_width=32,
    dense_layers=1,
    hidden=96,
    experts=8,
    experts_used=2,
    experts_shared=1,
    expert_hidden=32,
    expert_scale=1.7,
    balance_rate=0.01,
    matrices="Q4_0",
    rounding_share=0.1,
    context_tokens=256,
    rope_base=10000.0,
    norm_epsilon=1e-5,
)
_PROMPT = [12, 77, 101, 33, 50, 290, 12, 12, 88, 310, 42, 17]
_MARKS = len(CONTROL_TOKENS) + len(TEXT_TOKENS)
_NO_TEXT = [*range(_MARKS), *range(_MARKS + 94, _MARKS + 256)]  # marks; bytes beyond ASCII


@pytest.fixture
def network() -> Any:
    """A tiny network with weights, norms and biases large enough that every part matters."""
    torch.manual_seed(0)
    network = Deepseek2(_TINY)
    with torch.no_grad():
        for item in network.parameters():
            item.normal_(std=0.15) if item.dim() > 1 else item.uniform_(0.5, 1.5)
        # The engine tells no probabilities when the next token is a mark or half a character.
        network.token_embd.weight[_NO_TEXT] = 0
        for name, bias in network.named_buffers():
            if name.endswith("exp_probs_b.bias"):
                bias.normal_(std=0.2)
    return network


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    letters = np.random.default_rng(0).choice(list("abcdefgh "), 2000)
    words = "".join(letters)
    train_tokenizer([words], size=_TINY.vocabulary, path=path)
    return path


def _exported(network: Any, tokenizer: Path, *, matrices: Matrices) -> Path:
    weights = {name: item.numpy() for name, item in network.state_dict().items()}
    path = tokenizer.with_name(f"{matrices}.gguf")
    export(weights, _TINY, tokenizer_path=tokenizer, path=path, matrices=matrices)
    return path


def _gaps(network: Any, path: Path) -> list[float]:
    """The widest difference in nats between the engine and torch, after each of eight prompts."""
    with torch.inference_mode():
        features = network.eval().features(torch.tensor([_PROMPT]))[0]
        own = network.logits(features).log_softmax(-1)
    gaps = []
    with serve(path, context_tokens=256) as engine:
        for length in range(len(_PROMPT) - 7, len(_PROMPT) + 1):
            served = engine.log_probabilities(_PROMPT[:length], top=8)
            mine = own[length - 1]
            gaps.append(max(abs(value - float(mine[token])) for token, value in served.items()))
    return gaps


def test_engine_computes_what_torch_computes(network: Any, tokenizer: Path) -> None:
    """Latent attention, rotation, router, bias, scale and shared expert mean the same to both."""
    path = _exported(network, tokenizer, matrices="F32")
    assert max(_gaps(network, path)) < 0.01


def test_engine_computes_what_rounded_torch_computes(network: Any, tokenizer: Path) -> None:
    """The four-bit file is the network that the last part of the training sees."""
    path = _exported(network, tokenizer, matrices="Q4_0")
    plain = _gaps(network, path)
    with fake_quantised(network):
        same = _gaps(network, path)
    # What remains: the engine rounds activations and embedding to eight bits. Where two experts
    # score almost alike this picks the other one, so single prompts may differ much.
    assert median(same) < min(0.2, median(plain) / 3)


def test_the_file_says_its_shape(network: Any, tokenizer: Path) -> None:
    """The engine builds the network from these keys alone."""
    reader = gguf.GGUFReader(_exported(network, tokenizer, matrices="Q4_0"))
    found = {name: field.contents() for name, field in reader.fields.items()}
    assert found["general.architecture"] == "deepseek2"
    wanted = {
        "attention.head_count": 2,
        "attention.head_count_kv": 1,
        "attention.key_length": 48,
        "attention.value_length": 32,
        "attention.key_length_mla": 48,
        "attention.value_length_mla": 32,
        "attention.q_lora_rank": 32,
        "attention.kv_lora_rank": 32,
        "rope.dimension_count": 16,
        "leading_dense_block_count": 1,
        "expert_count": 8,
        "expert_used_count": 2,
        "expert_shared_count": 1,
        "expert_feed_forward_length": 32,
        "expert_weights_norm": True,
        "expert_gating_func": 2,
    }
    assert {name: found[f"deepseek2.{name}"] for name in wanted} == wanted
    assert found["deepseek2.expert_weights_scale"] == pytest.approx(1.7)


def test_only_matrices_are_four_bit(network: Any, tokenizer: Path) -> None:
    """Norms, router and bias stay F32, the output matrix Q8_0: small, and they decide much."""
    reader = gguf.GGUFReader(_exported(network, tokenizer, matrices="Q4_0"))
    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert kinds.pop("token_embd.weight") == "Q8_0"
    full = ("norm.weight", "ffn_gate_inp.weight", "exp_probs_b.bias")
    assert {kind for name, kind in kinds.items() if name.endswith(full)} == {"F32"}
    assert {kind for name, kind in kinds.items() if not name.endswith(full)} == {"Q4_0"}


@pytest.mark.parametrize(
    ("recipe", "total", "active"),
    [("micro", 29.5, 11.4), ("micro-cpu", 13.5, 4.9)],
)
def test_recipes_have_the_announced_sizes(recipe: str, total: float, active: float) -> None:
    """The card's millions of parameters, all and per token."""
    model = read_recipe(_RECIPES / f"{recipe}.toml").model
    assert isinstance(model, Deepseek2Recipe)
    sizes = {name: item.numel() for name, item in build(model).named_parameters()}
    routed = sum(size for name, size in sizes.items() if "_exps" in name)
    used = model.experts_used / model.experts
    assert round(sum(sizes.values()) / 1e6, 1) == total
    assert round((sum(sizes.values()) - routed * (1 - used)) / 1e6, 1) == active


def test_shapes_that_cannot_be_quantised_are_refused() -> None:
    """A ragged width is named before any training, not after it."""
    with pytest.raises(ValueError, match="expert_hidden"):
        msgspec.structs.replace(_TINY, expert_hidden=40)
    with pytest.raises(ValueError, match="blocks of 32"):
        rounded(torch.zeros(4, 40))


def test_grouped_experts_equal_a_plain_loop(network: Any) -> None:
    """Sorting rows by expert and back changes neither the answer nor any gradient."""
    experts = network.blk[1].mlp
    x = torch.randn(40, _TINY.width, requires_grad=True)
    chosen, weights = experts.route(x)
    matrices = (experts.ffn_gate_exps, experts.ffn_up_exps, experts.ffn_down_exps)
    gate, up, down = (stack.weight for stack in matrices)
    rows = [
        sum(
            weights[row, slot]
            * (down[one] @ (torch.nn.functional.silu(gate[one] @ x[row]) * (up[one] @ x[row])))
            for slot, one in enumerate(chosen[row])
        )
        for row in range(len(x))
    ]
    learned = (x, gate, up, down, experts.ffn_gate_inp.weight)
    plain = torch.stack(rows)
    torch.testing.assert_close(experts._routed(x), plain)
    seed = torch.randn_like(plain)
    wanted = torch.autograd.grad(plain, learned, seed)
    found = torch.autograd.grad(experts._routed(x), learned, seed)
    for ours, reference in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-5)


def test_branches_of_a_row_do_not_see_each_other(network: Any) -> None:
    """Two requests behind one opening are read as if each stood alone."""
    opening, first, second = [9, 8, 7], [30, 31], [40, 41, 42]
    branch = np.array([[0] * 3 + [1] * 2 + [2] * 3], dtype=np.uint8)
    mask = torch.from_numpy(sees(np.ones_like(branch), branch))
    positions = torch.tensor([[0, 1, 2, 3, 4, 3, 4, 5]])
    together = network.features(torch.tensor([opening + first + second]), positions, mask)[0]
    alone = network.features(torch.tensor([opening + second]))[0]
    torch.testing.assert_close(together[5:], alone[3:], rtol=1e-4, atol=1e-4)


def test_bias_moves_load_towards_uniform() -> None:
    """A lopsided router is evened out, without touching how the chosen experts are weighed."""
    torch.manual_seed(0)
    network = Deepseek2(_TINY)
    experts = [block.mlp for block in network.blk if hasattr(block.mlp, "route")]
    rows = torch.randn(512, _TINY.width) + 1.0
    with torch.no_grad():
        for layer in experts:  # rows have a mean, so some experts score above others for all
            layer.ffn_gate_inp.weight.normal_(std=0.1)

    def busiest() -> Any:
        for layer in experts:
            layer._routed(rows)
        loads = network.take_loads()
        assert loads.sum(-1).tolist() == [1024, 1024]
        network.balance(loads, rate=_TINY.balance_rate)
        return loads.max(-1).values / loads.float().mean(-1)

    before = busiest()
    for _ in range(150):
        after = busiest()
    assert (before > 2.0).all()
    assert (after < 1.5).all()
    _, weights = experts[0].route(rows)
    torch.testing.assert_close(weights.sum(-1), torch.full((512,), _TINY.expert_scale))


def test_every_matrix_learns() -> None:
    """From fresh weights the gradient reaches each expert, each head and every router."""
    torch.manual_seed(0)
    network = Deepseek2(_TINY)
    tokens = torch.randint(_TINY.vocabulary, (8, 64))
    network.logits(network.features(tokens)).logsumexp(-1).mean().backward()
    for name, item in network.named_parameters():
        assert item.grad is not None, name
        parts = item.grad.flatten(1) if item.dim() == 3 else item.grad.flatten()[None]
        assert (parts.abs().amax(-1) > 0).all(), name


def test_rounding_equals_the_file_format() -> None:
    """Fake quantisation is Q4_0 to the bit, with ties, zeros and tiny weights."""
    torch.manual_seed(0)
    weights = torch.cat([torch.randn(64, 96), torch.zeros(1, 96), torch.randn(8, 96) * 1e-6])
    weights[0, :4] = torch.tensor([4.0, -4.0, 0.25, -0.25])  # which of two largest, and halves
    four_bit = gguf.GGMLQuantizationType.Q4_0
    packed = gguf.quants.quantize(weights.numpy(), four_bit)
    wanted = gguf.quants.dequantize(packed, four_bit)
    assert np.array_equal(rounded(weights).numpy(), wanted)


def test_rounding_lasts_for_one_pass(network: Any) -> None:
    """The full weights come back unharmed, and only what the file rounds was rounded."""
    before = {name: item.detach().clone() for name, item in network.named_parameters()}
    with fake_quantised(network):
        changed = {
            name for name, item in network.named_parameters() if not item.equal(before[name])
        }
    assert changed == {name for name, item in before.items() if is_coarse(name, item.dim())}
    assert all(item.equal(before[name]) for name, item in network.named_parameters())


def test_each_expert_is_a_matrix_to_the_optimiser() -> None:
    """Muon turns every expert's update by itself, not the stack as one."""
    recipe = read_recipe(_RECIPES / "micro-cpu.toml").train
    network = Deepseek2(_TINY)
    stack = network.blk[1].mlp.ffn_up_exps.weight
    before = stack.detach().clone()
    optimisers = Optimisers(network, recipe)
    for item in network.parameters():
        item.grad = torch.randn_like(item)
    gradient = stack.grad.clone()
    optimisers.step(0.5)
    first = gradient.lerp(gradient * (1 - recipe.momentum), recipe.momentum)
    rate = recipe.learning_rate_matrices
    wanted = before * (1 - rate * recipe.weight_decay) - rate * torch.cat(
        [orthogonal(matrix[None]) for matrix in first]
    )
    torch.testing.assert_close(stack.detach(), wanted, rtol=0.02, atol=2e-3)


def _job(folder: Path) -> Any:
    draw = np.random.default_rng(0)
    shape = (8, 33)
    tokens = draw.integers(3, _TINY.vocabulary, shape).astype(np.uint16)
    row = np.arange(33, dtype=np.uint16) + np.zeros((8, 1), dtype=np.uint16)
    ones = np.ones(shape, dtype=np.uint8)
    rows = Rows(tokens, ones * Part.ANSWER, row, ones, ones * 0)
    path = folder / "rows.npz"
    np.savez(path, **{name: getattr(rows, name) for name in rows.__struct_fields__})
    recipe = read_recipe(_RECIPES / "micro-cpu.toml")
    (phase, *_) = recipe.data.phases
    data = msgspec.structs.replace(recipe.data, phases=(phase,))
    train = msgspec.structs.replace(recipe.train, batch_rows=4, processes=1, minutes=10.0)
    small = msgspec.structs.replace(recipe, model=_TINY, data=data, train=train)
    return Job(small, {phase.name: path}, folder / "checkpoint.pt", 1)


def _steps(learner: Any, count: int) -> Any:
    for _ in range(count):
        learner.state.minutes = 9.5  # the clock drives rates and rounding; here it stands still
        learner.step()
    return learner.state.model.state_dict()


def test_a_resumed_run_takes_the_same_steps(tmp_path: Path) -> None:
    """Weights, momenta, balancing bias and place in the data are all in the checkpoint."""
    (tmp_path / "whole").mkdir()
    whole = _steps(_Learner(_job(tmp_path / "whole"), 0), 4)
    job = _job(tmp_path)
    first = _Learner(job, 0)
    _steps(first, 2)
    first.state.save(job, 0)
    resumed = _steps(_Learner(job, 0), 2)
    assert resumed["blk.1.mlp.exp_probs_b.bias"].abs().max() > 0
    for name, item in whole.items():
        assert torch.equal(resumed[name], item), name
