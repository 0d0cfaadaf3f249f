# syntax=docker/dockerfile:1
#
# The node for linux/arm64, linux/arm/v7, linux/arm/v6 (Pi Zero and 1) and linux/amd64: one static program in an empty image.
# The compiler runs on the builder's own platform and builds for the other. docs/container.md says how it is built and run.
#
#   docker build -t piglow-node .
#   docker build -t piglow-fleet --build-arg FEATURES=fleet .
#   docker buildx build --platform linux/arm64,linux/arm/v7,linux/arm/v6 …

# By tag, not by digest: Debian's fixes reach the next build, and the lock file pins what is compiled. For a build that can be
# repeated to the bit, give the digest that `docker buildx imagetools inspect` shows: --build-arg RUST=rust:…@sha256:…
ARG RUST=rust:1.95.0-slim-trixie

FROM --platform=$BUILDPLATFORM $RUST AS build
# ring has a few files of C, for which clang needs no headers of the other platform; the linker and the C library come with Rust.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates clang llvm \
    && rm -rf /var/lib/apt/lists/*
ARG TARGETARCH
ARG TARGETVARIANT
RUN case "$TARGETARCH/$TARGETVARIANT" in \
        amd64/*) target=x86_64-unknown-linux-musl ;; \
        arm64/*) target=aarch64-unknown-linux-musl ;; \
        arm/v7) target=armv7-unknown-linux-musleabihf ;; \
        arm/v6) target=arm-unknown-linux-musleabihf ;; \
        *) echo "no build for linux/$TARGETARCH/$TARGETVARIANT; expected amd64, arm64, arm/v7 or arm/v6" >&2; exit 1 ;; \
    esac \
    && rustup target add "$target" \
    && echo "$target" >/target
WORKDIR /src
COPY . .
# Seconds since 1970 that the files in the image are dated.
ARG SOURCE_DATE_EPOCH=0
# The commit that the program's version names; the build sees no .git.
ARG COMMIT=
# `fleet` for the dashboard; the node needs none.
ARG FEATURES=
RUN --mount=type=cache,id=piglow-cargo,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=piglow-target-$TARGETARCH$TARGETVARIANT,target=/src/target,sharing=locked \
    target=$(cat /target) \
    && PIGLOW_COMMIT=$COMMIT cargo build --locked --profile dist --no-default-features --features "$FEATURES" --target "$target" \
    && install -D -m 555 "target/$target/dist/piglow-node" /image/piglow-node \
    && install -D -m 444 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install -d -m 700 /state/var/lib/piglow-node \
    && find /image /state -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

# What the broker of compose.yaml needs before its first start: certificates, passwords, the access list (container/setup).
FROM debian:trixie-slim AS setup
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends mosquitto openssl \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 711 /piglow-broker \
    && install -d -o 65532 -g 65532 -m 700 /piglow-broker/config /piglow-broker/data /for/node /for/control /for/fleet
COPY mosquitto/credentials mosquitto/mosquitto.conf container/setup /usr/local/lib/piglow/
USER 65532:65532
ENTRYPOINT ["/usr/local/lib/piglow/setup"]

FROM scratch AS node
ARG COMMIT=
LABEL org.opencontainers.image.title="piglow-node" \
    org.opencontainers.image.description="MQTT edge node for the Raspberry Pi: CPU load and health out, LED commands in, shown on a Pimoroni PiGlow" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.revision="$COMMIT" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /image/ /
# What a node remembers across a restart, where a volume is mounted there.
COPY --from=build --chown=65532:65532 /state/ /
ENV XDG_STATE_HOME=/var/lib
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/piglow-node", "health"]
ENTRYPOINT ["/piglow-node"]
