#!/usr/bin/env bash
# Nothing in an image may open a door: secrets.sh ROOT. Fails with what it found.
set -euo pipefail
root=$1
found=0
bad() { echo "secret in the image: $*" >&2; found=1; }

while IFS=: read -r name hash _; do
  case $hash in '' | '$'*) bad "a password of $name in /etc/shadow" ;; esac
done < "$root/etc/shadow"
while IFS=: read -r name hash _; do
  case $hash in x | '*' | '!'*) ;; *) bad "a password of $name in /etc/passwd" ;; esac
done < "$root/etc/passwd"
# A library names the line that a key begins with; a key has its text behind it, or, where it is encrypted, within four lines.
begin='-----BEGIN ([A-Z]+ )?PRIVATE KEY-----' text='[A-Za-z0-9+/=]{40}'
has_key() { LC_ALL=C grep -aE -A4 -e "$begin" -- "$1" | LC_ALL=C grep -aE -e "^$text" -e "$begin(\\\\[rn])+$text" > /dev/null; }
while IFS= read -r file; do
  # GnuTLS carries the keys of its own self-tests, which everybody has.
  [[ ${file#"$root"} != /usr/lib/*-linux-gnu/libgnutls.so.* ]] || continue
  ! has_key "$file" || bad "a private key: ${file#"$root"}"
done < <(LC_ALL=C grep -rlaE -e "$begin" -- "$root")
while IFS= read -r file; do bad "a host key: ${file#"$root"}"; done < <(find "$root" -name 'ssh_host_*_key')
[ ! -s "$root/etc/machine-id" ] || bad 'a machine id that all boxes would share'
for it in identity.json secrets.json access.db claim-code authorized_keys; do
  while IFS= read -r file; do bad "${file#"$root"}"; done < <(find "$root" -name "$it")
done
exit "$found"
