#!/bin/sh
# Writes what compose.yaml needs and git must never see: the secrets and .env, readable by you alone.
#
#   ./prepare.sh id.example.com
#
# What exists stays as it is, so it may be run again. Without a certificate in secrets/certificate (chain and key in one
# PEM file) one is made that no browser knows, to try things out with.
set -eu
umask 077

if [ $# -ne 1 ]; then
    echo "usage: ./prepare.sh HOST     the public name of the service, like id.example.com" >&2
    exit 2
fi
host=$1
cd "$(dirname "$0")"
mkdir -p secrets

random() { openssl rand -hex 24; }
missing() { [ ! -s "secrets/$1" ]; }

if missing master; then openssl rand -base64 32 | tr '+/' '-_' >secrets/master; fi
if missing postgres_password; then random >secrets/postgres_password; fi
if missing database_url; then
    echo "postgresql://mapae:$(cat secrets/postgres_password)@postgres/mapae" >secrets/database_url
fi
if missing valkey_conf; then
    password=$(random)
    echo "redis://:$password@valkey:6379" >secrets/board_url
    cat >secrets/valkey_conf <<END
requirepass $password
protected-mode no
save ""
appendonly no
maxmemory 64mb
maxmemory-policy allkeys-lru
END
fi
if missing certificate; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$host" \
        -addext "subjectAltName=DNS:$host" -keyout secrets/key.new -out secrets/chain.new 2>/dev/null
    cat secrets/chain.new secrets/key.new >secrets/certificate
    rm secrets/chain.new secrets/key.new
    echo "secrets/certificate is for trying out; put your chain and key there" >&2
fi
owner=$(id -u):$(id -g)
if [ "$(id -u)" -eq 0 ]; then # nothing of this needs root in the containers
    owner=10001:10001
    chown -R "$owner" secrets
fi
if [ ! -s .env ]; then printf 'MAPAE_ISSUER=https://%s\nMAPAE_USER=%s\n' "$host" "$owner" >.env; fi
echo "ready: docker compose up --detach"
