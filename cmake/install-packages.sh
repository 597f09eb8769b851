#!/bin/sh
# Installs those Debian packages of a list ($1, one name a line, # comments) that are missing.
set -eu
missing=""
for package in $(sed 's/#.*//' "$1"); do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "-- apt-get install$missing"
$SUDO apt-get update -qq
$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
