# One image for the service, the command line and the emulator.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements-build.lock pyproject.toml README.md LICENSE hatch_build.py ./
RUN pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY fleetmon fleetmon
COPY emulator emulator
COPY dashboards dashboards
COPY docs docs
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 fleetmon \
    && install -d -o fleetmon -g fleetmon -m 0700 /var/lib/fleetmon /home/fleetmon/.config/fleetmon
COPY requirements.lock /tmp/requirements.lock
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.lock && rm /tmp/requirements.lock
COPY --from=build /wheel/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps /tmp/*.whl && rm /tmp/*.whl
USER fleetmon
ENV PYTHONUNBUFFERED=1
CMD ["fleetmon", "serve"]
