"""The context transformer: masks against loops, cached contexts against full sequences."""

import pytest
import torch
from torch.nn import functional as F

from workflow_scripts.models.context import ContextTransformer, draw_context_mask, pair_mask

pytestmark = pytest.mark.golden


def make_transformer(**changes):
    torch.manual_seed(0)
    arguments = {
        "feature_dim": 5,
        "action_dim": 3,
        "output_dim": 4,
        "width": 16,
        "layers": 3,
        "heads": 4,
        "init_std": 0.2,
        "action_scale": 2.0,
    }
    return ContextTransformer(**(arguments | changes)).double()


def test_pair_mask_matches_its_definition():
    mask = pair_mask(10)
    for row in range(10):
        for column in range(10):
            expected = column == row or (column < row and column // 2 != row // 2)
            assert bool(mask[row, column]) == expected


def test_context_mask_drops_whole_pairs_and_keeps_the_token_itself():
    masks = draw_context_mask(64, 3, 0.9, torch.Generator().manual_seed(0))
    allowed = pair_mask(64)
    for mask in masks:
        assert (mask <= allowed).all()
        assert mask.diagonal().all()
        for row in range(64):
            earlier = mask[row, : row // 2 * 2].unflatten(0, (-1, 2))
            assert (earlier[:, 0] == earlier[:, 1]).all()
    assert not torch.equal(masks[0], masks[1])


def test_context_mask_drops_with_its_probability():
    masks = draw_context_mask(128, 40, 0.75, torch.Generator().manual_seed(1))
    possible = pair_mask(128) & ~torch.eye(128, dtype=torch.bool)
    share = masks[:, possible].float().mean()
    assert abs(float(share) - 0.25) < 0.005  # 40 x 4032 pairs of keys: standard error .001


def test_a_spread_of_probabilities_gives_each_token_its_own():
    masks = draw_context_mask(512, 60, [0.2, 0.8], torch.Generator().manual_seed(2))
    shares = torch.stack([masks[:, row, : row // 2 * 2].float().mean() for row in range(400, 512)])
    assert abs(float(shares.mean()) - 0.5) < 0.06  # 112 draws, standard deviation .6 / sqrt(12): standard error .016
    assert float(shares.std()) == pytest.approx(0.6 / 12**0.5, abs=0.04)


def test_without_drops_the_context_mask_is_the_pair_mask():
    assert torch.equal(draw_context_mask(12, 1, 0.0, torch.Generator())[0], pair_mask(12))
    only_itself = draw_context_mask(12, 1, 1.0, torch.Generator())[0]
    assert torch.equal(only_itself, torch.eye(12, dtype=torch.bool))


@pytest.mark.parametrize("length", [0, 2, 14, 126])
def test_cached_context_equals_the_full_sequence(length):
    model = make_transformer()
    context, actions = torch.randn(length, 5).double(), torch.randn(length, 3).double()
    queries, query_actions = torch.randn(6, 5).double(), torch.randn(6, 3).double()
    cached = model.append(queries, query_actions, model.cache_context(context, actions))
    for query, action, output in zip(queries, query_actions, cached, strict=True):
        features = torch.cat([context, query[None]])[None]
        all_actions = torch.cat([actions, action[None]])[None]
        masks = pair_mask(length + 1).expand(3, -1, -1)
        full = model(features, all_actions, masks)[0, -1]
        torch.testing.assert_close(output, full, atol=1e-10, rtol=1e-10)


def test_a_block_matches_attention_written_as_loops():
    model = make_transformer(layers=1)
    block = model.blocks[0]
    x = torch.randn(1, 6, 16).double()
    mask = draw_context_mask(6, 1, 0.5, torch.Generator().manual_seed(3))[0]
    normed = F.layer_norm(x[0], (16,), block.attention_norm.weight, block.attention_norm.bias)
    q, k, v = (normed @ block.query_key_value.weight.T + block.query_key_value.bias).split(16, dim=1)
    attended = torch.zeros(6, 16).double()
    for head in range(4):
        columns = slice(4 * head, 4 * head + 4)
        for row in range(6):
            seen = [c for c in range(6) if mask[row, c]]
            weights = torch.stack([q[row, columns] @ k[c, columns] / 2 for c in seen]).softmax(0)
            attended[row, columns] = sum(w * v[c, columns] for w, c in zip(weights, seen, strict=True))
    after = x[0] + block.attention_out(attended)
    expected = after + block.mlp_out(F.gelu(block.mlp_in(block.mlp_norm(after))))
    torch.testing.assert_close(block(x, mask)[0], expected)


def test_action_scale_touches_the_action_columns_only():
    one, ten = make_transformer(action_scale=1.0), make_transformer(action_scale=10.0)
    torch.testing.assert_close(ten.read_in.weight[:, :5], one.read_in.weight[:, :5])
    torch.testing.assert_close(ten.read_in.weight[:, 5:], 10 * one.read_in.weight[:, 5:])


def test_residual_projections_start_smaller():
    model = make_transformer(width=256, feature_dim=64)
    block = model.blocks[0]
    assert float(block.mlp_in.weight.std()) == pytest.approx(0.2, rel=0.02)
    assert float(block.mlp_out.weight.std()) == pytest.approx(0.2 / 6**0.5, rel=0.02)
    assert float(block.attention_out.weight.std()) == pytest.approx(0.2 / 6**0.5, rel=0.02)
