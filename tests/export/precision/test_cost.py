from ldikit.export.precision.cost import Cost, LayerCost, layer_costs, total_cost
from ldikit.reference.quantized.recipe import NetworkRecipe
from torch import fx


def test_costs_worked_out_by_hand(graph: fx.GraphModule) -> None:
    costs = layer_costs(graph, runs=2)
    assert costs["enter.0"] == LayerCost(3 * 9 * 4, 4, 2 * 3 * 9 * 4 * 16 * 32)
    assert costs["depthwise.0"] == LayerCost(9 * 8, 8, 2 * 9 * 8 * 16 * 32)
    assert costs["coarse"].macs == 2 * 4 * 9 * 4 * 8 * 16
    layer = LayerCost(100, 10, 1000)
    # int8: 100 weights, 10 biases and 10 scales; float: no scales.
    assert (layer.bytes(False), layer.bytes(True)) == (180, 440)
    networks = {"depth": NetworkRecipe({}, {"a": (1.0,), "w8": (1.0,)}, {"b": "x"}, {"w8": "x"})}
    costs = dict.fromkeys(("depth/a", "depth/b", "depth/w8"), layer)
    assert total_cost(costs, networks, float_mac=3) == Cost(180 + 440 + 180, 1000 + 3000 + 3000)
