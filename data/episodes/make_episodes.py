"""Make episodes.csv.gz from the simulator's two tables: keep all runs, 12 channels, 4 significant digits.

Usage: python make_episodes.py tep_episodes_train.csv.gz tep_episodes_test.csv.gz
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pandas as pd

# Feeds, purge, pressure, temperatures, compressor and the valves behind them; chosen by their role in the plant, not
# by how well they separate the classes.
CHANNELS = {
    "xmeas_1": "a_feed",
    "xmeas_4": "ac_feed",
    "xmeas_7": "reactor_pressure",
    "xmeas_9": "reactor_temperature",
    "xmeas_10": "purge_rate",
    "xmeas_11": "separator_temperature",
    "xmeas_18": "stripper_temperature",
    "xmeas_20": "compressor_work",
    "xmeas_21": "reactor_coolant_temperature",
    "xmv_3": "a_feed_valve",
    "xmv_6": "purge_valve",
    "xmv_10": "reactor_coolant_valve",
}


def main(train: Path, test: Path) -> None:
    """Write episodes.csv.gz beside this file."""
    parts = {"train": pd.read_csv(train), "test": pd.read_csv(test)}
    frame = pd.concat([table.assign(part=part) for part, table in parts.items()], ignore_index=True)
    fault = frame["faultNumber"].map(lambda number: f"fault{number}" if number else "normal")
    columns = {
        "run": frame["part"] + "-" + fault + "-" + frame["simulationRun"].astype(str),
        "part": frame["part"],
        "fault": fault,
        "sample": frame["sample"],
        **{name: frame[channel] for channel, name in CHANNELS.items()},
        "label": frame["label"],
    }
    text = pd.DataFrame(columns).to_csv(index=False, float_format="%.4g", lineterminator="\n")
    out = Path(__file__).with_name("episodes.csv.gz")
    out.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{out}: {len(frame)} rows, {columns['run'].nunique()} runs, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
