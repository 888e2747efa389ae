#!/usr/bin/env bash
# Makes every secret the manifests name, and prints them for kubectl:
#
#   k8s/secrets.sh ~/cambus-secrets | kubectl apply --server-side -f -
#
# What is in the folder already stays, so it may be run again, after an update for example. Keep the folder as you would keep
# the keys of the house: without credentials.key the passwords of devices can not be read.
#
#   NAMESPACE   where Cambus is installed, cambus by default
# Needs cambusctl, kubectl and openssl.
set -euo pipefail
umask 077

folder=${1:?wanted: k8s/secrets.sh FOLDER}
NAMESPACE=${NAMESPACE:-cambus}
mkdir -p "$folder"

# Makes a file from standard input unless it is there, whole or not at all.
keep() {
    if [ ! -s "$folder/$1" ]; then
        cat >"$folder/$1.new"
        mv "$folder/$1.new" "$folder/$1"
    else
        cat >/dev/null
    fi
}

secret() {
    local name=$1
    shift
    echo ---
    kubectl create secret generic "$name" --namespace "$NAMESPACE" --dry-run=client --output yaml "$@"
}

# --- users of NATS, and who may join the cluster -----------------------------------------------------------------------
cambusctl nats users "$folder/nats-users" >&2
openssl rand -hex 24 | keep routes.password
password=$(cat "$folder/routes.password")
{
    echo "authorization { user: route, password: \"$password\" }"
    echo "routes: ["
    for number in 0 1 2; do echo "  \"nats://route:$password@nats-$number.nats-cluster:6222\""; done
    echo "]"
} >"$folder/routes.conf"
secret nats-server --from-file="users.conf=$folder/nats-users/users.conf" --from-file="routes.conf=$folder/routes.conf"
for user in admin connector-dvrip connector-gb28181 connector-rtsp media-relay recorder alarm-router upgrade-manager; do
    secret "nats-user-$user" --from-file="user.nk=$folder/nats-users/$user.nk"
done

# --- certificates of NATS: an authority of our own, or bring yours as ca.crt, tls.crt and tls.key -----------------------
names="DNS:nats,DNS:nats.$NAMESPACE,DNS:nats.$NAMESPACE.svc,DNS:nats.$NAMESPACE.svc.cluster.local"
names="$names,DNS:*.nats-cluster,DNS:*.nats-cluster.$NAMESPACE.svc,DNS:localhost,IP:127.0.0.1"
if [ ! -s "$folder/tls.crt" ]; then
    if [ ! -s "$folder/ca.crt" ]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Cambus NATS" \
            -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
    fi
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=nats" -keyout "$folder/tls.key" \
        -out "$folder/tls.csr" 2>/dev/null
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names" >"$folder/tls.ext"
    openssl x509 -req -in "$folder/tls.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days 825 \
        -extfile "$folder/tls.ext" -out "$folder/tls.crt.new" 2>/dev/null
    mv "$folder/tls.crt.new" "$folder/tls.crt"
fi
secret nats-tls --from-file="tls.crt=$folder/tls.crt" --from-file="tls.key=$folder/tls.key" \
    --from-file="ca.crt=$folder/ca.crt"

# --- the rest -----------------------------------------------------------------------------------------------------------
openssl rand 32 | keep credentials.key
secret credentials-key --from-file="credentials.key=$folder/credentials.key"
openssl rand -hex 16 | tr -d '\n' | keep grafana.password
secret grafana-admin --from-file="password=$folder/grafana.password"
openssl rand -hex 8 | tr -d '\n' | keep simulator.password
secret simulator-password --from-file="password=$folder/simulator.password"
