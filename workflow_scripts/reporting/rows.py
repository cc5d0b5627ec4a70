"""Tidy rows: one number each."""
from pathlib import Path
import pandas as pd
def make_rows(rows): return pd.DataFrame(rows)
def write_rows(frame, path): Path(path).parent.mkdir(parents=True, exist_ok=True); frame.to_parquet(path)
def read_rows(path): return pd.read_parquet(path)
