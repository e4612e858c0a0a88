#!/usr/bin/env bash
# What can be seen of a root without starting it: units hold together, those that face outside give away little, the firewall's rules are rules: verify.sh BOARD
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1
root=/made/$board/root
units=$root/usr/lib/systemd/system

in_tools bash -euc 'cd "$2"; systemd-analyze --root="$1" --man=no verify holdfast-*.service holdfast-*.timer holdfast-*.path emergency.service rescue.service' verify "$root" "$units"
# How much a unit gives away, in tenths.
most() { in_tools systemd-analyze security --root="$root" --offline=true --threshold="$1" --no-pager "holdfast-$2.service"; }
most 20 agent
most 20 panel
most 40 updater
in_tools nft -c -f "$root/etc/nftables.conf"
