"""Rule `evaluate`: embed every image, or row, of a run's splits, and say as rows what probes read from them.

R2 of relative and of individual latents of every group in both definitions, top-1, and retrieval, for every
representation, context and length (ContextSSL, Gupta et al. 2024, section 4); of tables, attributes and fairness.
Beside the rows, a model card, and the views that predictions retrieve for a few queries, for the figure of nearest
neighbours.
Embeddings are large and made again from the weights: they are deleted once the rows exist.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from workflow_scripts.support.errors import command


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed data set")
    parser.add_argument("--run", type=Path, required=True, help="folder of the trained run")
    parser.add_argument("--evaluation", type=json.loads, required=True, help="evaluation settings, as JSON")
    parser.add_argument("--labels", type=json.loads, required=True, help="dataset, benchmark, method ... of the rows")
    parser.add_argument("--output", type=Path, required=True, help="rows to write (.parquet)")
    parser.add_argument("--neighbours", type=Path, required=True, help="retrieved views to show (.json), to write")
    parser.add_argument("--card", type=Path, required=True, help="model card (.md), to write")
    parser.add_argument("--keep-embeddings", action="store_true", help="leave <run>/embeddings where it is")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    return parser.parse_args()


@command
def main() -> None:
    """Evaluate one run."""
    arguments = parse_arguments()
    from workflow_scripts.data.packed import PackedDataset
    from workflow_scripts.evaluation.embeddings import embed_run
    from workflow_scripts.evaluation.evaluator import ProbedRun
    from workflow_scripts.experiment.identity import check_data
    from workflow_scripts.reporting.model_card import describe_model
    from workflow_scripts.rows import make_rows, write_rows
    from workflow_scripts.support.files import exclusive, write_json, write_text
    from workflow_scripts.training.devices import choose_device

    device = choose_device(arguments.device, arguments.threads)
    embeddings, name = arguments.run / "embeddings", "/".join(arguments.run.absolute().parts[-3:])
    print(f"{name}: evaluating", flush=True)
    with exclusive(arguments.run):
        PackedDataset(arguments.data).verify()
        check_data(arguments.run, arguments.data)
        shutil.rmtree(embeddings, ignore_errors=True)  # of an evaluation that was killed
        embed_run(arguments.run, arguments.data, arguments.evaluation, embeddings, device)
        run = ProbedRun(arguments.run, embeddings, arguments.evaluation, device)
        rows = [{**arguments.labels, **run.provenance, **row} for row in run.rows()]
        write_rows(make_rows(rows), arguments.output)
        write_text(arguments.card, describe_model(arguments.run, arguments.data, rows))
        write_json(arguments.neighbours, {"neighbours": run.neighbours()})
        if not arguments.keep_embeddings:
            shutil.rmtree(embeddings)
    print(f"{name}: evaluated, {len(rows)} rows")


if __name__ == "__main__":
    main()
