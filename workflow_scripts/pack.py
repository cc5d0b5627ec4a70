"""Rule `pack`: decode and resize every image of a data set once, into arrays that open in no time."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.support.errors import command


def whole_number(text: str) -> int:
    """Parse a number of at least 1."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True, help="raw.json of the raw data")
    parser.add_argument("--output", type=Path, required=True, help="folder of the packed data set to write")
    parser.add_argument("--layout", required=True, help="how the raw data is laid out: a module of data/readers/")
    parser.add_argument("--resolution", type=whole_number, help="side of the packed images [pixels]; of tables none")
    parser.add_argument("--per-class-train", type=whole_number, help="keep the first so many train objects of a class")
    parser.add_argument("--per-class-test", type=whole_number, help="keep the first so many test objects of a class")
    parser.add_argument("--classes", type=whole_number, help="keep the first so many classes of the data's own list")
    parser.add_argument(
        "--average",
        type=whole_number,
        help="decode images at so many times the resolution, and average blocks of so many pixels a side",
    )
    parser.add_argument(
        "--workers", type=whole_number, default=2, help="processes (default: 2); any number, same bytes"
    )
    parser.add_argument(
        "--journal-seconds", type=float, default=10.0, help="what a kill can lose [seconds of work] (default: 10)"
    )
    parser.add_argument(
        "--device",
        default="cpu",
        help="auto, cpu or cuda: where layouts that draw images do so (default: cpu)",
    )
    return parser.parse_args()


@command
def main() -> None:
    """Pack one data set."""
    arguments = parse_arguments()
    from workflow_scripts.data.packing import pack

    device = "cpu"
    if arguments.device != "cpu":
        from workflow_scripts.training.devices import choose_device

        device = choose_device(arguments.device, 1).type
    pack(
        arguments.manifest,
        arguments.output,
        arguments.layout,
        arguments.resolution,
        (arguments.per_class_train, arguments.per_class_test),
        arguments.workers,
        arguments.journal_seconds,
        device,
        arguments.classes,
        arguments.average,
        keeps=True,
    )


if __name__ == "__main__":
    main()
