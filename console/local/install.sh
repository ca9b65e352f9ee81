#!/usr/bin/env bash
# Installs Debian packages without letting RabbitMQ's or Redis's own service start or be enabled by that.
# usage (as root): install.sh PACKAGE...      exit 0: installed
#
# A policy file (policy-rc.d, Debian Policy 9.3.3) refuses the start of these services while
# apt works; one that was there before is asked for everything else and is put back exactly as found.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
policy=/usr/sbin/policy-rc.d saved=/usr/sbin/policy-rc.d.saved-by-warren
mark='# Written by the installer of Warren; removed when it ends.'
units='rabbitmq-server.service epmd.service epmd.socket redis-server.service'

ours() { [ -f "$policy" ] && grep -qsF "$mark" "$policy"; }
restore() {
  if ours; then rm -f "$policy"; fi
  if [ -e "$saved" ] || [ -L "$saved" ]; then mv -f "$saved" "$policy"; fi
}
there() { [ -e "/lib/systemd/system/$1" ] || [ -e "/usr/lib/systemd/system/$1" ]; }

restore # what a killed run may have left
new_units=
for unit in $units; do there "$unit" || new_units="$new_units $unit"; done

trap restore EXIT
trap 'exit 130' INT TERM HUP
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved"; fi
cat >"$policy" <<POLICY
#!/bin/sh
$mark
for word; do
  case \$word in rabbitmq-server | epmd | redis-server | $(echo "$units" | sed 's/ / | /g')) exit 101 ;; esac
done
if [ -x $saved ]; then exec $saved "\$@"; fi
exit 0
POLICY
chmod 755 "$policy"

apt() { apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@"; }
apt install --no-install-recommends "$@" || { apt update && apt install --no-install-recommends "$@"; }

# Only units that came with this: one that was there before is the machine's business.
for unit in $new_units; do
  there "$unit" || continue
  # Without systemd's tools: what they would do.
  systemctl disable "$unit" >/dev/null 2>&1 || find /etc/systemd/system -lname "*/$unit" -delete
  case $unit in rabbitmq-server.service | redis-server.service) update-rc.d "${unit%.service}" disable >/dev/null 2>&1 || true ;; esac
done
