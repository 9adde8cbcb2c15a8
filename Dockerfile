# The service with every extra it can use. Built from the locks: docker build -t canter .
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-build.txt requirements-service.txt ./
RUN pip install --require-hashes -r requirements-build.txt \
 && python -m venv --without-pip /opt/canter \
 && pip --python /opt/canter/bin/python install --require-hashes --only-binary :all: -r requirements-service.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/canter/bin/python install --no-deps --no-index dist/canter-*.whl

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 canter \
 && useradd --system --uid 10001 --gid canter --no-create-home --home-dir /var/lib/canter --shell /usr/sbin/nologin canter \
 && install -d -o canter -g canter -m 0750 /var/lib/canter
COPY --from=build /opt/canter /opt/canter
ENV PATH=/opt/canter/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CANTER_STORE=/var/lib/canter/canter.db \
    CANTER_LOG_FORMAT=json
WORKDIR /var/lib/canter
USER 10001:10001
VOLUME ["/var/lib/canter"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# Beyond loopback the service listens only with CANTER_API_KEY set.
ENTRYPOINT ["canter"]
CMD ["serve", "--host", "0.0.0.0"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=2s --retries=3 \
    CMD ["python", "-m", "canter.service.probe"]
