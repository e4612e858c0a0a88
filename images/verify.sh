#!/usr/bin/env bash
# What can be seen of a root without starting it: units hold together, those that face outside give away little, the firewall's rules are rules: verify.sh BOARD
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1
root=/made/$board/root
units=$root/usr/lib/systemd/system

in_tools bash -euc 'cd "$2"; systemd-analyze --root="$1" --man=no verify holdfast-*.service holdfast-*.timer holdfast-*.path emergency.service rescue.service' verify "$root" "$units"
# In tenths: 2.0 at most.
for it in agent panel; do
  in_tools systemd-analyze security --root="$root" --offline=true --threshold=20 --no-pager "holdfast-$it.service"
done
in_tools nft -c -f "$root/etc/nftables.conf"
