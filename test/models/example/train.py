# Trains the example model: python train.py FOLDER-OF-NAB TO.onnx (packages and their versions: README.md beside this).
#
# Rows are tumbling windows of 15 minutes as a rule's `window` figures them: mean, std, min, max, change. It learns from the first weeks, without the hours that are
# labelled as failures, and is judged on all of it.
import csv
import json
import sys
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.ensemble import IsolationForest

WINDOW_S = 900
LEARN_SHARE = 0.5
TREES, SAMPLES, SEED = 40, 64, 7
NAME = "machine_temperature_system_failure.csv"


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def windows(file):
    """Start and figures of each window. Statistics are those of the log: std of the values at hand."""
    by_start = defaultdict(list)
    for row in csv.DictReader(file.open()):
        at = instant(row["timestamp"])
        by_start[int(at // WINDOW_S) * WINDOW_S].append((at, float(row["value"])))
    for start, rows in sorted(by_start.items()):
        values = [value for _, value in sorted(rows)]
        yield start, [np.mean(values), np.std(values), min(values), max(values), values[-1] - values[0]]


def paths(samples):
    """How deep a sample lies on average in a tree of so many."""
    if samples <= 1:
        return 0.0
    return 1.0 if samples == 2 else 2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples


def graph_of(forest):
    """All trees in one node, whose leaves say how deep they lie: 0.5 - 2 ** -(mean depth / what is usual)."""
    nodes, leaves = [], []
    for tree, (it, features) in enumerate(zip(forest.estimators_, forest.estimators_features_)):
        t = it.tree_
        stack = [(0, 0)]
        while stack:
            n, depth = stack.pop()
            left, right = int(t.children_left[n]), int(t.children_right[n])
            if left < 0:
                nodes.append((tree, n, 0, "LEAF", 0.0, 0, 0))
                leaves.append((tree, n, depth + paths(int(t.n_node_samples[n]))))
                continue
            # A 32-bit number is at most a threshold where it is at most the next such number below it.
            at = np.float32(t.threshold[n])
            at = np.nextafter(at, np.float32(-np.inf)) if at > t.threshold[n] else at
            nodes.append((tree, n, int(features[t.feature[n]]), "BRANCH_LEQ", float(at), left, right))
            stack += [(left, depth + 1), (right, depth + 1)]
    trees, ids, features, modes, values, yes, no = zip(*nodes)
    leaf_trees, leaf_ids, depths = zip(*leaves)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["depth"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="AVERAGE",
        nodes_treeids=trees,
        nodes_nodeids=ids,
        nodes_featureids=features,
        nodes_modes=modes,
        nodes_values=values,
        nodes_truenodeids=yes,
        nodes_falsenodeids=no,
        target_treeids=leaf_trees,
        target_nodeids=leaf_ids,
        target_ids=[0] * len(leaves),
        target_weights=depths,
    )
    made = {"usual": -paths(SAMPLES), "two": 2.0, "half": 0.5}
    rest = [("Div", ["depth", "usual"], "share"), ("Pow", ["two", "share"], "power"), ("Sub", ["half", "power"], "score")]
    graph = helper.make_graph(
        [ensemble, *[helper.make_node(kind, inputs, [output]) for kind, inputs, output in rest]],
        "machine-temperature",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, forest.n_features_in_])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in made.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    checker.check_model(model)
    return model


def main(folder, to):
    rows = list(windows(Path(folder) / NAME))
    starts = np.array([it[0] for it in rows])
    figures = np.array([it[1] for it in rows], dtype=np.float32)
    labels = json.loads((Path(folder) / "anomaly_windows.json").read_text())
    failures = [(instant(a[:19]), instant(b[:19])) for a, b in next(it for name, it in labels.items() if NAME in name)]
    failing = np.zeros(len(starts), dtype=bool)
    for begin, end in failures:
        failing |= (starts >= begin - WINDOW_S) & (starts <= end)
    learn = (np.arange(len(starts)) < LEARN_SHARE * len(starts)) & ~failing

    forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=SEED).fit(figures[learn])
    onnx = graph_of(forest)
    Path(to).write_bytes(onnx.SerializeToString())
    scores = forest.decision_function(figures)
    theirs = ReferenceEvaluator(onnx).run(None, {"x": figures[:200]})[0][:, 0]
    assert np.allclose(theirs, scores[:200], atol=1e-5), "the graph does not say what the forest says"
    # Below what nearly all of the learnt windows have.
    threshold = float(np.quantile(scores[learn], 0.001))

    odd = scores < threshold
    found = [bool(odd[(starts >= begin - WINDOW_S) & (starts <= end)].any()) for begin, end in failures]
    outside = odd & ~failing
    alarms = int((outside & ~np.concatenate([[False], outside[:-1]])).sum())
    print(f"threshold {threshold:.4f}; failures found {sum(found)} of {len(found)} {found}; false alarms {alarms}")
    print(f"{len(onnx.SerializeToString())} bytes; of the learnt windows half are below {np.median(scores[learn]):.5f}")


main(*sys.argv[1:])
