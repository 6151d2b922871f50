"""Stands in for ``train``: writes what a training writes, for options that are only read, in no time."""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    words = dict(word.lstrip("+").split("=", 1) for word in sys.argv[1:] if "=" in word)
    folder = Path(words["run_dir"].strip("'"))
    rate = float(words.get("optimizer.learning_rate", "0.001"))
    if words.get("seed") == "13":
        sys.exit("this seed brings bad luck")
    (folder / "csv").mkdir(parents=True)
    (folder / "config.yaml").write_text(f"run_dir: x\nseed: 0\noptimizer:\n  learning_rate: {rate}\n")
    score = 1.0 - abs(rate - 0.003) * 100
    falls = float(words.get("optimizer.weight_decay", "0")) > 0
    values = []
    with (folder / "csv" / "metrics.csv").open("w") as metrics:
        metrics.write("epoch,validation/macro_f1\n")
        for epoch in range(int(words.get("trainer.max_epochs", "2"))):
            values.append(score / (epoch + 1) if falls else score * (epoch + 1) / 2)
            metrics.write(f"{epoch},{values[-1]}\n")
            metrics.flush()
            time.sleep(float(words.get("data.root", "0")))  # seconds an epoch takes
    best = {"best": values[0], "best_epoch": 0} if falls else {"best": score, "best_epoch": 1}
    figures = {**best, "parameters": int(rate * 1e6), "fit_seconds": 1.0}
    (folder / "training.json").write_text(json.dumps(figures))


if __name__ == "__main__":  # tests are looked for in here, too
    main()
