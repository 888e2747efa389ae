#!/usr/bin/env bash
# Builds the images of the suite, all of them or those named: docker/build.sh [SERVICE...]
#
#   ENGINE       docker or buildah; whichever is there (docker only if its engine answers)
#   BASE         the base image, by default the Dockerfile's
#   PREFIX       before the name of each image, cambus/ by default
#   VERSION      their tag, by default the version of the suite
#   PIP_CONF     a pip.conf for the time of the build, if pip is to use an index of your own
#   CA_CRT       certificates (PEM) that index is trusted by
#   BUILD_FLAGS  further arguments of `docker build` or `buildah build`
set -euo pipefail
cd "$(dirname "$0")/.."

services=(alarm-router connector-dvrip connector-gb28181 connector-rtsp media-relay recorder upgrade-manager)
tools=(simulators cli)
PREFIX=${PREFIX-cambus/}
VERSION=${VERSION:-$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)}
REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

if [ -z "${ENGINE:-}" ]; then
    if docker info >/dev/null 2>&1; then ENGINE=docker
    elif command -v buildah >/dev/null; then ENGINE=buildah
    else echo "neither a Docker engine nor buildah is here" >&2; exit 1
    fi
fi
case $ENGINE in
    docker) build=(docker build) ;;
    buildah) build=(buildah build --layers --format docker --timestamp "$SOURCE_DATE_EPOCH") ;;
    *) echo "ENGINE=$ENGINE: wanted docker or buildah" >&2; exit 2 ;;
esac

flags=(--build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION"
    --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH")
[ -z "${BASE:-}" ] || flags+=(--build-arg "BASE=$BASE")
[ -z "${PIP_CONF:-}" ] || flags+=(--secret "id=pip.conf,src=$PIP_CONF")
[ -z "${CA_CRT:-}" ] || flags+=(--secret "id=ca.crt,src=$CA_CRT")

target_of() {
    local each
    for each in "${tools[@]}"; do if [ "$1" = "$each" ]; then echo tool; return; fi; done
    for each in "${services[@]}"; do if [ "$1" = "$each" ]; then echo service; return; fi; done
    echo "there is no image $1; one of ${services[*]} ${tools[*]}" >&2
    return 2
}

[ $# -gt 0 ] || set -- "${services[@]}" "${tools[@]}"
for service in "$@"; do target_of "$service" >/dev/null; done
for service in "$@"; do
    image="$PREFIX$service:$VERSION"
    echo "== $image"
    # shellcheck disable=SC2086  # BUILD_FLAGS are several words
    "${build[@]}" "${flags[@]}" --build-arg "SERVICE=$service" --target "$(target_of "$service")" \
        ${BUILD_FLAGS:-} --file docker/Dockerfile --tag "$image" .
done
