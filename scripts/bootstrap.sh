#!/usr/bin/env bash
# Makes a fresh machine ready: system packages, npm packages, the build. Does nothing, quickly, when all is there.
#
#   scripts/bootstrap.sh            install what is missing, then build
#   scripts/bootstrap.sh --check    only say what is missing
#   scripts/bootstrap.sh --no-build all but the build
#   scripts/bootstrap.sh --no-npm   system packages only
#
# Exit codes: 0 ready, 1 the build failed, 2 wrong usage, 4 something is missing and could not be installed here.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 4
# Tools such as mke2fs live where an ordinary user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

check_only=no
with_npm=yes
with_build=yes
for argument in "$@"; do
  case $argument in
    --check) check_only=yes ;;
    --no-build) with_build=no ;;
    --no-npm) with_npm=no with_build=no ;;
    *)
      echo "usage: scripts/bootstrap.sh [--check] [--no-build] [--no-npm]" >&2
      exit 2
      ;;
  esac
done

say() { printf '%s\n' "$*" >&2; }

# --- Node --------------------------------------------------------------------------------------------------------

check_node() {
  if ! command -v node >/dev/null; then
    say "Drover needs Node.js 20.19 or newer, and there is no node in PATH. See https://nodejs.org/en/download"
    return 1
  fi
  if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    say "Drover needs Node.js 20.19 or newer; this is $(node --version) at $(command -v node). See https://nodejs.org/en/download"
    return 1
  fi
  if [ $with_npm = yes ] && ! command -v npm >/dev/null; then
    say "npm is missing: install it with Node.js (Debian and Ubuntu keep it in a package of its own, npm)."
    return 1
  fi
}

# --- System packages ---------------------------------------------------------------------------------------------

# One line per need: a check, then the packages of apt, dnf and zypper. A check is a command, or file:GLOB for a
# readable file. "-" means: the distribution has no such package, or needs none.
needs() {
  cat <<'END'
qemu-img qemu-utils qemu-img qemu-img
qemu-system-x86_64 qemu-system-x86 qemu-kvm qemu-x86
file:/usr/share/qemu/firmware/*.json ovmf edk2-ovmf qemu-ovmf-x86_64
guestfish libguestfs-tools guestfs-tools guestfs-tools
file:/usr/lib*/*/guestfs/supermin.d/*xfs* libguestfs-xfs libguestfs-xfs -
file:/boot/vmlinuz-* kernel kernel-core kernel-default
virsh libvirt-clients libvirt-client libvirt-client
file:/usr/share/libvirt/schemas/domain.rng libvirt0 libvirt-libs libvirt-libs
xmllint libxml2-utils libxml2 libxml2-tools
hivexsh libhivex-bin hivex hivex
hivexregedit libwin-hivex-perl perl-hivex perl-Win-Hivex
zstd zstd zstd zstd
xz xz-utils xz xz
lz4 lz4 lz4 lz4
bzip2 bzip2 bzip2 bzip2
cpio cpio cpio cpio
depmod kmod kmod kmod
mmdebstrap mmdebstrap mmdebstrap -
mke2fs e2fsprogs e2fsprogs e2fsprogs
sfdisk fdisk util-linux util-linux
mkfs.vfat dosfstools dosfstools dosfstools
mcopy mtools mtools mtools
chromium chromium chromium chromium
END
  if [ "$(id -u)" != 0 ]; then
    echo 'newuidmap uidmap shadow-utils shadow'
  fi
}

present() {
  case $1 in
    file:/usr/lib*/guestfs/*)
      # Where the library's file systems come built in, there is nothing to look for.
      command -v apt-get >/dev/null || command -v dnf >/dev/null || return 0
      readable "${1#file:}" || readable '/usr/lib*/guestfs/supermin.d/*xfs*'
      ;;
    file:/usr/share/qemu/firmware/*) readable "${1#file:}" || readable '/usr/share/OVMF/OVMF_CODE*' ;;
    file:*) readable "${1#file:}" ;;
    # The name in RHEL and its relatives, where it stands outside PATH.
    qemu-system-x86_64) command -v "$1" >/dev/null || [ -x /usr/libexec/qemu-kvm ] ;;
    chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

readable() {
  local file
  for file in $1; do [ -r "$file" ] && return 0; done
  return 1
}

# The appliance boots the machine's own kind of kernel; Debian and Ubuntu name its package differently.
kernel_package() {
  local arch
  arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
  if grep -qs '^ID=ubuntu' /etc/os-release; then echo linux-image-generic; else echo "linux-image-$arch"; fi
}

apt_missing=() dnf_missing=() zypper_missing=() what_missing=()
find_missing() {
  apt_missing=() dnf_missing=() zypper_missing=() what_missing=()
  local check apt dnf zypper
  while read -r check apt dnf zypper; do
    present "$check" && continue
    [ "$apt" = kernel ] && apt=$(kernel_package)
    what_missing+=("${check#file:}")
    [ "$apt" = - ] || apt_missing+=("$apt")
    [ "$dnf" = - ] || dnf_missing+=("$dnf")
    [ "$zypper" = - ] || zypper_missing+=("$zypper")
  done < <(needs)
}

say_missing() {
  say "Missing: ${what_missing[*]}"
  say "Install with one of:"
  say "  apt-get install --no-install-recommends ${apt_missing[*]}"
  say "  dnf install ${dnf_missing[*]}"
  say "  zypper install ${zypper_missing[*]}"
  case " ${what_missing[*]} " in
    *" /boot/vmlinuz-* "*)
      if compgen -G '/boot/vmlinuz-*' >/dev/null; then
        say "There is a kernel in /boot, but only root may read it, and the appliance needs one:"
        say "  chmod 0644 /boot/vmlinuz-*    (Ubuntu: dpkg-statoverride keeps that over updates)"
      fi
      ;;
  esac
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
  [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# apt-get waits for dpkg's lock by itself, but gives up at once when another apt holds the lists.
apt_get() {
  local try log
  log=$(mktemp)
  for try in 1 2 3 4 5 6; do
    if as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -q \
      -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1; then
      rm -f "$log"
      return 0
    fi
    grep -q -E 'Could not get lock|Unable to lock|is held by process|Temporary failure|Hash Sum mismatch' "$log" || break
    say "apt is busy or the mirror hiccuped (try $try); trying again in 10 s"
    sleep 10
  done
  say "apt-get $1 failed:"
  tail -n 20 "$log" >&2
  rm -f "$log"
  return 1
}

install_missing() {
  if ! command -v apt-get >/dev/null; then
    say_missing
    return 1
  fi
  if ! can_be_root; then
    say_missing
    say "Run this as root, or with passwordless sudo, to have it done."
    return 1
  fi
  say "Installing ${#apt_missing[@]} packages: ${apt_missing[*]}"
  # Old lists name files that mirrors no longer have, so they are renewed before, not after, the first failure.
  apt_get update || return 1
  apt_get install --no-install-recommends "${apt_missing[@]}" || return 1
  hash -r
  # Ubuntu installs kernels that only root may read; the appliance of an ordinary user needs one.
  if ! readable '/boot/vmlinuz-*'; then as_root chmod 0644 /boot/vmlinuz-*; fi
  find_missing
  if [ ${#what_missing[@]} -gt 0 ]; then
    say "Installed, and still not there:"
    say_missing
    return 1
  fi
}

# --- npm packages and the build ----------------------------------------------------------------------------------

npm_stale() {
  [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]
}

build_stale() {
  [ ! -e dist/cli/main.js ] || [ -n "$(find src schemas templates package.json tsconfig.json tsconfig.build.json -newer dist/cli/main.js -print -quit 2>/dev/null)" ]
}

install_npm() {
  npm_stale || return 0
  say "Installing npm packages"
  local log
  log=$(mktemp)
  if ! npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1; then
    say "npm ci failed:"
    tail -n 30 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

build() {
  build_stale || return 0
  say "Building"
  local log
  log=$(mktemp)
  if ! npm run --silent build >"$log" 2>&1; then
    say "the build failed:"
    tail -n 30 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# --- Main --------------------------------------------------------------------------------------------------------

check_node || exit 4
find_missing
if [ $check_only = yes ]; then
  status=0
  if [ ${#what_missing[@]} -gt 0 ]; then
    say_missing
    status=4
  fi
  if [ $with_npm = yes ] && npm_stale; then
    say "npm packages are missing or older than package-lock.json: npm ci"
    status=4
  elif [ $with_build = yes ] && build_stale; then
    say "dist is missing or older than the sources: npm run build"
    status=4
  fi
  [ $status -ne 0 ] || say "All there."
  exit $status
fi
if [ ${#what_missing[@]} -gt 0 ]; then install_missing || exit 4; fi
if [ $with_npm = yes ]; then install_npm || exit 4; fi
if [ $with_build = yes ]; then build || exit 1; fi
