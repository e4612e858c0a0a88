# Programs of another processor on the machine that makes an image: what Debian's packages do when they are installed. Sourced by common.sh.

# ARCHITECTURE COMMAND…, which may start programs of it. The kernel keeps one list of what it gives to whom: ours is in it for that time alone.
emulated() {
  local architecture=$1
  shift
  [ "$architecture" != "$(dpkg --print-architecture)" ] || { "$@"; return; }
  (
    exec 8> /run/lock/holdfast-emulation
    flock 8
    list=$(mktemp -d)
    mount -t binfmt_misc binfmt_misc "$list" || exit
    trap 'forget "$list/holdfast"; umount "$list"; rmdir "$list"' EXIT
    # Of one that was killed.
    forget "$list/holdfast"
    # F: the emulator is opened now, so that it is found from within any root. That of the tools needs no libraries.
    echo ":holdfast:M::$(elf_header):$(elf_mask):$cache/tools$emulator:F" > "$list/register" || exit
    "$@"
  )
}
forget() { [ ! -e "$1" ] || echo -1 > "$1"; }

# The first 20 bytes of a program for Linux with 64 bits, little-endian, as the kernel wants them written; it may be of any kind of system interface, and be
# movable in memory or not.
elf_header() { printf '\\x7fELF\\x02\\x01\\x01%s\\x02\\x00\\x%02x\\x00' "$(repeated 9 '\x00')" "$elf_machine"; }
elf_mask() { printf '%s\\x00%s\\xfe%s' "$(repeated 7 '\xff')" "$(repeated 8 '\xff')" "$(repeated 3 '\xff')"; }
repeated() { for ((it = 0; it < $1; it++)); do printf '%s' "$2"; done; }
