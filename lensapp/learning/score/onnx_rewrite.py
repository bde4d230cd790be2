"""Rearrange an exported network so that ONNX Runtime computes the same with less work.

ONNX Runtime keeps convolutions and poolings in a blocked layout, but leaves it for every ELU and batch
normalisation, and its ELU is not vectorised. Three rules, exact but for rounding:

1. Pooling goes before activation and batch normalisation, which then see a quarter of the pixels. A rising
   function commutes with the maximum; a channel with a negative factor takes the minimum instead, which is
   the maximum of its negative.
2. A batch normalisation in front of an unpadded convolution becomes part of its weights.
3. ELU is written with the vectorised exponential.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

RISING = ("Elu", "Relu", "LeakyRelu", "Sigmoid", "Tanh")
Values = NDArray[np.float32]


@dataclass
class Graph:
    """An ONNX graph with its nodes in order and its constants by name."""

    proto: Any
    made: int = 0

    @property
    def nodes(self) -> Any:
        """The nodes, in an order in which they can be computed."""
        return self.proto.node

    def constant(self, name: str) -> Values | None:
        """Return a constant, None where `name` is computed."""
        for tensor in self.proto.initializer:
            if tensor.name == name:
                return np.asarray(numpy_helper.to_array(tensor))
        return None

    def add_constant(self, values: NDArray[Any]) -> str:
        """Store a constant under a new name."""
        name = self.new_name()
        self.proto.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def new_name(self) -> str:
        """Return a name that nothing has yet."""
        self.made += 1
        return f"lensapp_{self.made}"

    def maker(self, name: str) -> Any:
        """Return the node that computes `name`, None for inputs and constants."""
        return next((node for node in self.nodes if name in node.output), None)

    def readers(self, name: str) -> list[Any]:
        """Return the nodes that read `name`; an output of the graph counts as read once more."""
        nodes = [node for node in self.nodes if name in node.input]
        return nodes + [None for output in self.proto.output if output.name == name]

    def insert_before(self, node: Any, *, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Insert a node in front of another and return the name of its output."""
        name = self.new_name()
        index = list(self.nodes).index(node)
        self.nodes.insert(index, onnx.helper.make_node(kind, inputs, [name], name, **attributes))
        return name


def rewrite(model: Any) -> Any:
    """Return `model` (an onnx.ModelProto) rearranged; nodes that fit no rule stay as they are."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = Graph(changed.graph)
    del changed.graph.value_info[:]  # shapes in between, which the rules change
    for pool in [node for node in graph.nodes if node.op_type == "MaxPool"]:
        pool_first(graph, pool)
    for convolution in [node for node in graph.nodes if node.op_type == "Conv"]:
        while absorb_affine(graph, convolution):
            continue
    for node in [node for node in graph.nodes if node.op_type == "Elu"]:
        spell_out_elu(graph, node)
    drop_unused_constants(graph)
    return changed


def pool_first(graph: Graph, pool: Any) -> None:
    """Move a pooling in front of the activation and the batch normalisation that feed it."""
    chain = chain_before(graph, pool)
    if not chain or len(pool.output) > 1:
        return
    signs: Any = np.float32(1.0)  # -1 for channels that the chain makes fall
    for node in chain:
        factor = _affine(graph, node)
        if node.op_type == "Mul" and factor is not None:
            signs = signs * np.where(factor < 0, -1.0, 1.0).astype(np.float32)
    falling = bool(np.any(signs < 0))
    start = chain[0].input[_moving_input(graph, chain[0])]
    end = pool.output[0]
    if falling and not flip_convolution(graph, start, signs):
        return
    pool.input[0], pool.output[0] = start, graph.new_name()
    index = list(graph.nodes).index(chain[0])
    graph.nodes.remove(pool)
    graph.nodes.insert(index, pool)
    pooled = pool.output[0]
    if falling:
        pooled = graph.insert_before(chain[0], kind="Mul", inputs=[pooled, graph.add_constant(signs)])
    chain[0].input[_moving_input(graph, chain[0])] = pooled
    chain[-1].output[0] = end


def chain_before(graph: Graph, pool: Any) -> list[Any]:
    """Return the nodes before a pooling that may follow it instead, first to last."""
    chain: list[Any] = []
    name = pool.input[0]
    while len(graph.readers(name)) == 1:
        node = graph.maker(name)
        if node is None or not (node.op_type in RISING or _affine(graph, node) is not None):
            break
        chain.insert(0, node)
        name = node.input[_moving_input(graph, node)]
    return chain if name and len(graph.readers(name)) == 1 else []


def _affine(graph: Graph, node: Any) -> Values | None:
    """Return the constant per channel, shape (1, C, 1, 1), of a multiplication or addition."""
    if node.op_type not in ("Mul", "Add"):
        return None
    for name in node.input:
        values = graph.constant(name)
        if values is not None and values.ndim == 4 and values.shape[0] == values[0, 0].size == 1:
            return values
    return None


def _moving_input(graph: Graph, node: Any) -> int:
    return next(index for index, name in enumerate(node.input) if graph.constant(name) is None)


def flip_convolution(graph: Graph, name: str, signs: Values) -> bool:
    """Change the sign of channels in the convolution that computes `name`; say whether there is one."""
    convolution = graph.maker(name)
    if convolution is None or convolution.op_type != "Conv":
        return False
    parameters = [graph.constant(item) for item in convolution.input[1:]]
    if any(values is None for values in parameters):
        return False
    for index, values in enumerate(parameters, start=1):
        if values is not None:
            flips = signs.reshape(-1, *[1] * (values.ndim - 1))
            convolution.input[index] = graph.add_constant(values * flips)
    return True


def absorb_affine(graph: Graph, convolution: Any) -> bool:
    """Take a multiplication or addition per channel into the unpadded convolution that follows it."""
    node = graph.maker(convolution.input[0])
    constant = None if node is None else _affine(graph, node)
    weights = graph.constant(convolution.input[1])
    options = {item.name: item for item in convolution.attribute}
    grouped = "group" in options and options["group"].i != 1
    padded = ("pads" in options and any(options["pads"].ints)) or (
        "auto_pad" in options and options["auto_pad"].s not in (b"VALID", b"NOTSET")
    )
    if constant is None or weights is None or padded or grouped:
        return False
    if constant.shape[1] != weights.shape[1] or len(graph.readers(node.output[0])) != 1:
        return False
    if node.op_type == "Mul":
        convolution.input[1] = graph.add_constant(weights * constant)
    else:
        shift = np.einsum("oiyx,i->o", weights.astype(np.float64), constant.ravel())
        bias = graph.constant(convolution.input[2]) if len(convolution.input) > 2 else np.zeros(len(weights))
        if bias is None:
            return False
        del convolution.input[2:]
        convolution.input.append(graph.add_constant(bias + shift))
    convolution.input[0] = node.input[_moving_input(graph, node)]
    graph.nodes.remove(node)
    return True


def spell_out_elu(graph: Graph, node: Any) -> None:
    """Replace ELU by max(x, 0) + exp(min(x, 0)) - 1; leave it where its slope is not 1."""
    if any(item.name == "alpha" and item.f != 1.0 for item in node.attribute):
        return
    value, end = node.input[0], node.output[0]
    zero = graph.add_constant(np.array(0.0))
    minus_one = graph.add_constant(np.array(-1.0))
    below = graph.insert_before(node, kind="Min", inputs=[value, zero])
    exponential = graph.insert_before(node, kind="Exp", inputs=[below])
    falling = graph.insert_before(node, kind="Add", inputs=[exponential, minus_one])
    rising = graph.insert_before(node, kind="Relu", inputs=[value])
    index = list(graph.nodes).index(node)
    graph.nodes.remove(node)
    graph.nodes.insert(index, onnx.helper.make_node("Add", [rising, falling], [end], graph.new_name()))


def drop_unused_constants(graph: Graph) -> None:
    """Remove constants that no node reads any more."""
    read = {name for node in graph.nodes for name in node.input}
    for tensor in [item for item in graph.proto.initializer if item.name not in read]:
        graph.proto.initializer.remove(tensor)
