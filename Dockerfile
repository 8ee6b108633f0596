# There is no syntax line, so that both BuildKit and the classic builder of old engines can build this file.
#
# The image of one node: the public Node image, iproute2 and nftables for network faults, and one bundled file. The build
# installs nothing from npm; `npm ci` on the host makes dist/node.js first.
ARG BASE=node:24-bookworm-slim
FROM ${BASE}

LABEL org.opencontainers.image.title="energy-lab node" \
      org.opencontainers.image.description="A peer that trades energy credits over UDP multicast" \
      energy-lab.image="node"

# The node runs as 1000:1000 (`node` in the public image), or as another user with `--user` or without capabilities. So its
# two folders are writable by all, and sticky: the node can put its ready file into /run/lab, but it can't move or replace
# /run/lab/faults, which root executes at the next start.
RUN set -eu; \
    if ! command -v tc >/dev/null || ! command -v nft >/dev/null; then \
      apt-get update -qq; \
      apt-get install -y -qq --no-install-recommends iproute2 nftables; \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/apt /var/log/dpkg.log; \
    fi; \
    getent group 1000 >/dev/null || groupadd --gid 1000 node; \
    getent passwd 1000 >/dev/null || useradd --uid 1000 --gid 1000 --no-create-home --home-dir /data --shell /usr/sbin/nologin node; \
    install -d -o 0 -g 0 -m 1777 /run/lab; \
    install -d -o 0 -g 0 -m 0755 /run/lab/faults; \
    install -d -o 1000 -g 1000 -m 1777 /data

COPY compose/entrypoint.sh dist/node.js /app/

# The package.json is there because Node would otherwise try node.js as CommonJS first and compile it twice.
# The build runs one node for a moment, alone on its loopback, to fill Node's compile cache: every container then starts with a
# third less CPU time, which matters when fifty start at once. Afterwards the cache belongs to root and is read-only. If
# the builder can't run a node, the image has no cache.
RUN set -eu; \
    echo '{ "type": "module" }' >/app/package.json; \
    install -d -o 1000 -g 1000 /app/cache /tmp/warm-up; \
    export NODE_COMPILE_CACHE=/app/cache DS_PROFILE=fast DS_HOST=127.0.0.1 DS_READY_FILE=/tmp/warm-up/ready; \
    timeout --kill-after=5 20 setpriv --reuid=1000 --regid=1000 --clear-groups node /app/node.js 1 </dev/null >/dev/null 2>&1 & \
    node=$!; \
    while kill -0 $node 2>/dev/null && [ ! -e /tmp/warm-up/ready ]; do sleep 0.05; done; \
    kill $node 2>/dev/null || true; wait $node || true; \
    rm -rf /tmp/warm-up; chown -R 0:0 /app/cache; chmod -R u=rwX,go=rX /app/cache

# The option hides the warning about node:sqlite. It is in NODE_OPTIONS so that `docker exec ... node /app/node.js control
# status` is quiet as well. There is no VOLUME: the ledger survives kill and restart in the container's own layer, and
# removing the container leaves nothing behind.
ENV NODE_OPTIONS=--disable-warning=ExperimentalWarning \
    NODE_COMPILE_CACHE=/app/cache \
    DS_DATA_DIR=/data \
    DS_READY_FILE=/run/lab/ready

WORKDIR /app
STOPSIGNAL SIGTERM
# The node writes the file when it is READY. The check costs a small process instead of a Node process; with fifty nodes on
# two cores, even that is noticeable below 15 s. (Engines from 25 on check every 5 s during the start period.)
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=2 CMD ["test", "-f", "/run/lab/ready"]
ENTRYPOINT ["/bin/sh", "/app/entrypoint.sh"]
