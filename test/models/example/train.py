# Trains the example model: python train.py FOLDER-OF-NAB TO.onnx (packages: scikit-learn, skl2onnx, numpy; README.md beside this names versions).
#
# Rows are tumbling windows of 15 minutes as a rule's `window` figures them: mean, std, min, max, change. It learns from the first weeks, without the hours that are
# labelled as failures, and is judged on the rest.
import csv
import json
import sys
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

WINDOW_S = 900
LEARN_SHARE = 0.5
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

    model = make_pipeline(StandardScaler(), IsolationForest(n_estimators=60, max_samples=128, random_state=7))
    model.fit(figures[learn])
    scores = model.decision_function(figures)
    # Below what nearly all of the learnt hours have.
    threshold = float(np.quantile(scores[learn], 0.001))
    onnx = to_onnx(model, figures[:1], target_opset={"": 17, "ai.onnx.ml": 3}, options={id(model): {"score_samples": False}})
    Path(to).write_bytes(onnx.SerializeToString())

    low = scores < threshold
    found = [bool(low[(starts >= begin - WINDOW_S) & (starts <= end)].any()) for begin, end in failures]
    outside = low & ~failing
    alarms = int((outside & ~np.concatenate([[False], outside[:-1]])).sum())
    print(f"threshold {threshold:.4f}; failures found {sum(found)} of {len(found)} {found}; false alarms {alarms}")
    print("inputs", [it.name for it in onnx.graph.input], "outputs", [it.name for it in onnx.graph.output])
    print("bytes", len(onnx.SerializeToString()))


main(*sys.argv[1:])
