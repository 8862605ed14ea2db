# Static binary on an empty base: nothing inside but Holdfast and the public certificate authorities.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/holdfast ./cmd/holdfast \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=build /out/holdfast /holdfast
# The embedded store's folder; mount a volume here to keep it.
COPY --from=build --chown=65532:65532 /out/data /data
ENV ZONEINFO=/zoneinfo.zip
# A long sort spills to a file, and nothing else here can be written to.
ENV SQLITE_TMPDIR=/data
USER 65532:65532
EXPOSE 8080 8090 8081 8443
ENTRYPOINT ["/holdfast"]
