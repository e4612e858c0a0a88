"""How unusual each reading is by detectors that others wrote. detectors.py RECORDINGS SCORES, both JSON.

RECORDINGS: a list of {name, times (s), columns [column][row], fit, hour, season}: rows that a detector may be fitted on, rows of an hour (of the short
memory), rows of the longest pattern. SCORES: by detector and recording {series [series][row], cpu}. What a score says of a row comes from that row and those
before it alone; no detector sees a label.
"""

import json
import sys
import time

import numpy as np
import stumpy
from pyod.models.ecod import ECOD
from pyod.models.iforest import IForest
from river import anomaly, compose, preprocessing

SEED = 1


def memory(column, rows):
    """Mean and spread of the last rows, this one too."""
    n = np.arange(1, len(column) + 1)
    sums, squares = np.cumsum(column), np.cumsum(column**2)
    late = np.maximum(n - rows, 0)
    before = lambda it: np.where(late > 0, it[np.maximum(late - 1, 0)], 0.0)
    count = n - late
    mean = (sums - before(sums)) / count
    variance = (squares - before(squares)) / count - mean**2
    return mean, np.sqrt(np.maximum(variance, 0.0))


def features(it):
    """What a point is to those who know no time: the values, how they were lately, and the hour of the day where the recording has days."""
    columns = [np.array(column, dtype=float) for column in it["columns"]]
    rows = list(columns)
    for column in columns:
        mean, spread = memory(column, it["hour"])
        rows += [column - mean, spread]
    times = np.array(it["times"], dtype=float)
    if times[-1] - times[0] > 3 * 86_400:
        turn = 2 * np.pi * (times % 86_400) / 86_400
        rows += [np.sin(turn), np.cos(turn)]
    return np.stack(rows, axis=1)


def values(it):
    return np.stack([np.array(column, dtype=float) for column in it["columns"]], axis=1)


def fitted(make, points):
    def scores(it):
        all_points = points(it)
        model = make()
        model.fit(all_points[: it["fit"]])
        return [model.decision_function(all_points)]

    return scores


def half_space_trees(points):
    def scores(it):
        model = compose.Pipeline(
            preprocessing.MinMaxScaler(),
            anomaly.HalfSpaceTrees(n_trees=25, height=8, window_size=max(50, min(250, it["fit"] // 2)), seed=SEED),
        )
        found = []
        for row in points(it):
            point = {str(n): value for n, value in enumerate(row)}
            found.append(model.score_one(point))
            model.learn_one(point)
        return [np.array(found)]

    return scores


def matrix_profile(it):
    """Of each row: how far the pattern that ends with it is from the nearest before it. A series for each column."""
    m, found = it["season"], []
    for column in it["columns"]:
        column = np.array(column, dtype=float)
        before = stumpy.stump(column, m=m)[:, 2].astype(int)
        patterns = np.lib.stride_tricks.sliding_window_view(column, m)
        spread = patterns.std(axis=1)
        shapes = (patterns - patterns.mean(axis=1)[:, None]) / np.where(spread > 0, spread, 1.0)[:, None]
        left = np.array([np.linalg.norm(shapes[n] - shapes[near]) if near >= 0 else 0.0 for n, near in enumerate(before)])
        found.append(np.concatenate([np.zeros(m - 1), left]))
    return found


DETECTORS = {
    "half-space trees (river), values": half_space_trees(values),
    "half-space trees (river), with memory": half_space_trees(features),
    "isolation forest (pyod), values": fitted(lambda: IForest(random_state=SEED), values),
    "isolation forest (pyod), with memory": fitted(lambda: IForest(random_state=SEED), features),
    "ECOD (pyod), values": fitted(ECOD, values),
    "ECOD (pyod), with memory": fitted(ECOD, features),
    "matrix profile (stumpy)": matrix_profile,
}


def main():
    source, target = sys.argv[1:]
    with open(source) as file:
        recordings = json.load(file)
    # Compiled before it is timed.
    matrix_profile({"columns": [list(np.random.default_rng(SEED).normal(size=60))], "fit": 50, "season": 5})
    found = {}
    for name, detector in DETECTORS.items():
        found[name] = {}
        for it in recordings:
            begun = time.process_time()
            series = detector(it)
            cpu = time.process_time() - begun
            found[name][it["name"]] = {"series": [[round(float(v), 6) for v in one] for one in series], "cpu": cpu}
        print(f"{name}: {sum(it['cpu'] for it in found[name].values()):.1f} s", file=sys.stderr)
    with open(target, "w") as file:
        json.dump(found, file)


main()
