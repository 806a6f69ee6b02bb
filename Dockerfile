# syntax=docker/dockerfile:1

# The image has one static program, the certificates of public authorities, an empty data directory and an empty /tmp. It
# has no shell and no other program.
FROM --platform=$BUILDPLATFORM golang:1.26.8-alpine AS build
WORKDIR /src

# The modules change less often than the code, so they get a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
ARG TARGETOS TARGETARCH
# The tag timetzdata embeds the time zones. The program needs them to convert the local times of clients. The tag nomsgpack
# leaves out what the program does not use of gin, a sixth of its size.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -tags timetzdata,nomsgpack -ldflags "-s -w" -o /out/pymon-bridge ./cmd/pymon-bridge
RUN mkdir -p /owned/data && mkdir -m 1777 /owned/tmp

FROM scratch
LABEL org.opencontainers.image.title="pymon-bridge" \
      org.opencontainers.image.description="Receives what pytest-monitor measures and delivers it to InfluxDB v2"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/pymon-bridge /pymon-bridge
COPY --from=build --chown=65532:65532 /owned/ /

# The user is a number, so that Kubernetes can check that it is not root. A volume at /data must belong to this user.
USER 65532:65532
# Nobody outside the container reaches its loopback address. On this address the bridge starts only if it has tokens, or
# if it allows anonymous clients.
ENV PYMON_LISTEN=:8080 PYMON_DATA=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["/pymon-bridge", "healthcheck"]
ENTRYPOINT ["/pymon-bridge"]
