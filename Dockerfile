# The two commands of README.md in a container:
#
#   docker build --tag symmetries .
#   docker run --rm -v "$PWD/results:/workflow/results" -v "$PWD/reports:/workflow/reports" symmetries
#   docker build --tag symmetries-test --target test . && docker run --rm symmetries-test
#
# With a GPU: `docker build --build-arg TORCH=gpu`, and `docker run --gpus all`.

FROM python:3.11-slim AS installed
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /workflow
COPY . .
# Which build of torch: see docs/operations.md. Kept, so that the commands below find the one that is installed.
ARG TORCH=
ENV TORCH=$TORCH
RUN make setup

FROM installed AS test
RUN make setup-dev
CMD ["make", "test"]

# What is built without --target. Other experiments: docker run ... symmetries make reproduce EXPERIMENT=...
FROM installed AS reproduce
CMD ["make", "reproduce"]
