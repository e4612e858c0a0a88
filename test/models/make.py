# Makes the small models that tests score: python make.py FOLDER (needs the package onnx).
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def tensor(name, values, kind=np.float32):
    return numpy_helper.from_array(np.array(values, dtype=kind), name)


def write(name, nodes, initializers, shape, width=2):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", F, [None, width])],
        [helper.make_tensor_value_info("y", F, shape)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, Path(sys.argv[1]) / f"{name}.onnx")


# y = 2·x0 + 3·x1 + 1
write("linear", [helper.make_node("Gemm", ["x", "w", "b"], ["y"])], [tensor("w", [[2], [3]]), tensor("b", [1])], [None, 1])

# Goes on for as good as ever where the first input is above 0, and answers 0 at once otherwise.
body = helper.make_graph(
    [
        helper.make_node("Identity", ["go"], ["still"]),
        helper.make_node("Sin", ["carried"], ["next"]),
    ],
    "body",
    [
        helper.make_tensor_value_info("turn", I, []),
        helper.make_tensor_value_info("go", B, []),
        helper.make_tensor_value_info("carried", F, None),
    ],
    [helper.make_tensor_value_info("still", B, []), helper.make_tensor_value_info("next", F, None)],
)
write(
    "hang",
    [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "zero"], ["isLong"]),
        helper.make_node("Loop", ["turns", "isLong", "x"], ["y"], body=body),
    ],
    [tensor("zero", 0), tensor("turns", 2**62, np.int64)],
    [None, 2],
)

# Wants as many gigabytes as its first input says.
write(
    "grow",
    [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "quarter"], ["many"]),
        helper.make_node("Cast", ["many"], ["count"], to=I),
        helper.make_node("Add", ["count", "one"], ["size"]),
        helper.make_node("Reshape", ["size", "flat"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["large"], value=tensor("v", [0.5])),
        helper.make_node("CumSum", ["large", "axis"], ["sums"]),
        helper.make_node("ReduceMax", ["sums"], ["top"], keepdims=0),
        helper.make_node("Reshape", ["top", "flat"], ["y"]),
    ],
    [tensor("quarter", 250e6), tensor("one", 1, np.int64), tensor("flat", [1], np.int64), tensor("axis", 0, np.int64)],
    [1],
)
