#!/usr/bin/env bash
# Makes a base image from Debian's packages alone, where no registry of images is reached: docker/local_base.sh [IMAGE]
#
# It takes root, buildah, and mmdebstrap or debootstrap. Then: BASE=localhost/cambus-base:bookworm make images
set -euo pipefail

image=${1:-localhost/cambus-base:bookworm}
suite=bookworm
packages=python3,ca-certificates
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if command -v mmdebstrap >/dev/null; then
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$work/base.tar"
else
    debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" >&2
    rm -rf "$work/root/var/cache/apt/archives/"*.deb "$work/root/var/lib/apt/lists/"*
    tar -C "$work/root" -cf "$work/base.tar" .
fi
printf 'FROM scratch\nADD base.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nCMD ["python3"]\n' \
    > "$work/Dockerfile"
buildah build --quiet --format docker --tag "$image" --file "$work/Dockerfile" "$work"
