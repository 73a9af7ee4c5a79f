# The whole product: server, example bots and browser files. All that it keeps is in the volume /data.
#
#   docker build --tag chat-appliance .
#   docker run --publish 8080:8080 --volume chat-data:/data chat-appliance
#
# More in docs/container.md; tests/image/try-image builds, runs and stops it for real.

FROM python:3.13-slim-trixie AS interpreter

# The official image has no byte code, and a user without rights cannot leave any behind: without this step
# each start, each SQL worker and each health check would compile its modules anew. Byte code that is not
# checked against its source stays good whatever a builder does to the times of files.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(site-packages|dist-packages|ensurepip|idlelib|test|turtledemo)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"


FROM interpreter AS build

WORKDIR /source
COPY . .

# An environment without pip. Who installs from a mirror gives its settings at build time, and they do not
# stay in the image: docker build --secret id=pip.conf,src=pip.conf .
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m venv --without-pip /opt/appliance \
    && pip --python /opt/appliance/bin/python install --no-cache-dir --no-compile ".[embed]" \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/appliance/lib


FROM interpreter

LABEL org.opencontainers.image.title="chat-appliance" \
      org.opencontainers.image.description="A chat-bot appliance: one process, one SQLite file, one script tag" \
      org.opencontainers.image.licenses="MIT"

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin appliance \
    && install --directory --owner appliance --group appliance --mode 0700 /data

COPY --from=build /opt/appliance /opt/appliance

# The folder is named for the commands that run beside the server: docker exec NAME appliance keys list.
# An engine kills ten seconds after it asked to stop; 7 s of grace and 2 s for the rest end before that.
ENV PATH=/opt/appliance/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    APPLIANCE_DATA=/data \
    APPLIANCE_HOST=0.0.0.0 \
    APPLIANCE_SHUTDOWN_GRACE_S=7

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
# With a read-only root file system this is the one folder that temporary files could go to.
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-Ic", "from http.client import HTTPConnection as Http; server = Http('127.0.0.1', 8080, timeout=4); server.request('GET', '/healthz'); assert server.getresponse().status == 200"]

ENTRYPOINT ["appliance"]
CMD ["serve", "--data", "/data", "--host", "0.0.0.0", "--port", "8080"]
