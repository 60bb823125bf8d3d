# Two images from one file: `cpu` (OpenVINO; also ingest, postprocess, store) and `gpu` (torch).
#   docker build --target cpu -t ghostpose:cpu .
#   docker build --target gpu -t ghostpose:gpu .

FROM python:3.12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# Builds: the environment from the lock, then ghostpose as a wheel. Nothing of it but /opt/venv
# goes into the images.
FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
COPY locks ./locks
RUN pip install --require-hashes -r locks/run.txt && pip install --require-hashes -r locks/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY ghostpose ./ghostpose
COPY ingest ./ingest
COPY workers ./workers
COPY postprocess ./postprocess
COPY training ./training
COPY app ./app
RUN pip install --no-deps --no-build-isolation .

# PyPI's torch for Linux brings CUDA with it; the host needs only NVIDIA's driver and its
# container toolkit.
FROM build AS build-gpu
ARG TORCH_VERSION=2.13.0
RUN pip install "torch==${TORCH_VERSION}"

FROM base AS runtime
RUN useradd --system --uid 10001 --create-home ghostpose \
    && install --directory --owner=ghostpose /data /results
ENV PATH=/opt/venv/bin:$PATH NUMBA_CACHE_DIR=/tmp/numba
USER ghostpose
WORKDIR /data
VOLUME /data
ENTRYPOINT ["ghostpose"]
CMD ["--help"]

FROM runtime AS gpu
COPY --from=build-gpu /opt/venv /opt/venv

FROM runtime AS cpu
COPY --from=build /opt/venv /opt/venv
