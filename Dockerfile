# The service as one small process. Build: docker build -t kedge .
FROM python:3.11-slim AS build
COPY requirements/image.txt /build/requirements/image.txt
RUN python -m venv /opt/kedge \
 && /opt/kedge/bin/pip install --no-cache-dir --require-hashes --no-deps -r /build/requirements/image.txt
COPY . /build
# setuptools is in the lock: nothing is fetched without a hash
RUN /opt/kedge/bin/pip install --use-pep517 --no-cache-dir --no-deps --no-build-isolation /build

FROM python:3.11-slim
COPY --from=build /opt/kedge /opt/kedge
RUN useradd --system --uid 10001 --home-dir /data --create-home kedge
WORKDIR /data
ENV PATH=/opt/kedge/bin:$PATH PYTHONUNBUFFERED=1 DO_NOT_TRACK=1
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
# Beyond loopback the service wants a token: docker run -e KEDGE_TOKEN=… -v $PWD/kedge.yaml:/data/kedge.yaml
# As Model Monitor's image it does the job that its variables tell, on folders that are root's; all else it
# does as the user kedge. With arguments it is the command line: docker run kedge baseline list NAME
ENTRYPOINT ["kedge-image"]
