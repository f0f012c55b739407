# SteelGUI for a server: see docs/deploy.md.
#   docker build -t steelgui .                           for the CPU
#   docker build -t steelgui --build-arg TORCH=cuda .    for an NVIDIA GPU; run it with --gpus all
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG TORCH=cpu
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/steelgui VIRTUAL_ENV=/opt/steelgui
RUN pip install --no-cache-dir uv
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
# The lock file holds the CUDA build of torch. Without CUDA the same versions are wanted, and nothing of CUDA.
RUN case "$TORCH" in \
      cuda) uv sync --locked --no-default-groups --no-install-project --no-cache ;; \
      cpu) uv venv /opt/steelgui \
        && uv export --locked --no-default-groups --no-hashes --no-emit-project --quiet -o /tmp/locked.txt \
        && uv pip install --no-cache --torch-backend cpu --constraint /tmp/locked.txt -r pyproject.toml ;; \
      *) echo "TORCH is cpu or cuda, not $TORCH" >&2; exit 2 ;; \
    esac
COPY . .
RUN uv pip install --no-cache --no-deps .

FROM ${PYTHON}
RUN useradd --create-home --uid 10001 steelgui && install -d -o steelgui /data
COPY --from=build /opt/steelgui /opt/steelgui
ENV PATH=/opt/steelgui/bin:$PATH STEELGUI_HOME=/data PYTHONUNBUFFERED=1
USER steelgui
WORKDIR /data
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
ENTRYPOINT ["steelgui"]
CMD ["serve", "--host", "0.0.0.0", "--port", "7860", "--no-inbrowser"]
