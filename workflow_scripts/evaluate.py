"""Rule `evaluate`: embed every image, or row, of a run's splits, and say as rows what each evaluator measures.

Evaluators are modules of workflow_scripts/evaluation/evaluators, by name; one that does not measure this run says why.
Beside the rows, a model card, and a summary: which evaluators skipped the run and why, and what there is to show.
Embeddings are large and made again from the weights: they are deleted once the rows exist. On a GPU they are in half
precision, and products in TF32; see `evaluation.storage`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from workflow_scripts.support.errors import command
from workflow_scripts.support.files import parse_json
from workflow_scripts.support.gpus import WHOLE
from workflow_scripts.training.settings import EngineSettings


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    engine = EngineSettings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed data set")
    parser.add_argument("--others", default="{}", help="folders of other packed sources by name, as JSON")
    parser.add_argument("--run", type=Path, required=True, help="folder of the trained run")
    parser.add_argument("--evaluation", required=True, help="the config's section on evaluation, as JSON")
    parser.add_argument("--labels", required=True, help="dataset, method, group, variant and seed of the rows, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="rows to write (.parquet)")
    parser.add_argument(
        "--summary", type=Path, required=True, help="what was skipped and what there is to show (.json)"
    )
    parser.add_argument("--card", type=Path, required=True, help="model card (.md), to write")
    parser.add_argument("--keep-embeddings", action="store_true", help="leave <run>/embeddings where it is")
    parser.add_argument("--device", default=engine.device, help="auto, cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--gpu-share", type=int, default=WHOLE, help="of a GPU's memory [%%] (default: all)")
    parser.add_argument("--threads", type=int, default=engine.threads, help="CPU threads")
    return parser.parse_args()


@command
def main() -> None:
    """Evaluate one run."""
    arguments = parse_arguments()
    evaluation, labels, others = (
        parse_json(getattr(arguments, name), f"--{name}") for name in ("evaluation", "labels", "others")
    )
    from workflow_scripts.data.packed import PackedDataset
    from workflow_scripts.evaluation.evaluators.base import make_evaluator
    from workflow_scripts.evaluation.measuring import measure
    from workflow_scripts.evaluation.run import open_run
    from workflow_scripts.evaluation.storage import choose_storage
    from workflow_scripts.experiment.code import hash_code, list_evaluation_code
    from workflow_scripts.experiment.identity import check_data, read_identity
    from workflow_scripts.reporting.model_card import describe_model
    from workflow_scripts.rows import make_rows, write_rows
    from workflow_scripts.support.files import write_json, write_text
    from workflow_scripts.support.locks import exclusive
    from workflow_scripts.training.devices import choose_device, describe_machine

    evaluators = {name: make_evaluator(name, settings) for name, settings in evaluation["evaluators"].items()}
    device = choose_device(arguments.device, arguments.threads, arguments.gpu_share)
    machine = describe_machine(device, arguments.threads)
    embeddings, name = arguments.run / "embeddings", "/".join(arguments.run.absolute().parts[-3:])
    print(f"{name}: evaluating", flush=True)
    with exclusive(arguments.run):
        for folder in (arguments.data, *map(Path, others.values())):
            PackedDataset(folder).verify()
        check_data(arguments.run, arguments.data)
        settings, identity = read_identity(arguments.run)
        provenance = {
            "run": arguments.run.as_posix(),
            "config_hash": identity["config"],
            "data_hash": identity["data"],
            "code_hash": hash_code(list_evaluation_code(settings, list(evaluators))),
            "device": machine["device"],
        }
        shutil.rmtree(embeddings, ignore_errors=True)  # of an evaluation that was killed
        folders = {source: Path(folder) for source, folder in others.items()}
        storage = choose_storage(device, files=arguments.keep_embeddings)
        run = open_run(arguments.run, arguments.data, evaluation, embeddings, device, folders, storage)
        found, summary = measure(run, evaluators)
        rows = [{**labels, **provenance, **row} for row in found]
        write_rows(make_rows(rows), arguments.output)
        write_text(arguments.card, describe_model(arguments.run, arguments.data, rows))
        write_json(arguments.summary, {**summary, "machine": machine})
        if not arguments.keep_embeddings:
            shutil.rmtree(embeddings)
    print(f"{name}: evaluated, {len(rows)} rows")


if __name__ == "__main__":
    main()
