# Sourced by runner/quickstart, tests/run and .ci/run: finds the checkout, installs what is missing, shows the steps.
# Knows the packages of Debian 12 and nothing of what is built with them.
# shellcheck shell=bash disable=SC2034

# Whoever sources this stands in the root of the checkout afterwards, whatever folder it was called from.
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cd -- "$ROOT" || exit

JOBS=${BUILD_JOBS:-$(nproc)}
LOGS=$ROOT/build/log

# What the build needs, and a file or program by which another system shows that it has the like.
BUILD_PACKAGES=(g++ cmake ninja-build ccache libboost1.81-dev libboost-filesystem1.81-dev libcli11-dev
  libtomlplusplus-dev libfmt-dev)
TEST_PACKAGES=(doctest-dev libcereal-dev libboost-serialization1.81-dev pkg-config)
declare -A PROBE=([g++]=g++ [cmake]=cmake [ninja-build]=ninja [ccache]=ccache
  [libboost1.81-dev]='<boost/process/v2.hpp>' [libboost-filesystem1.81-dev]='<boost/filesystem.hpp>'
  [libcli11-dev]='<CLI/CLI.hpp>' [libtomlplusplus-dev]='<toml++/toml.h>' [libfmt-dev]='<fmt/format.h>'
  [doctest-dev]='<doctest/doctest.h>' [pkg-config]=pkg-config [libcereal-dev]='<cereal/cereal.hpp>'
  [libboost-serialization1.81-dev]='<boost/serialization/serialization.hpp>')

say() { printf '== %s\n' "$*"; }

# stop STATUS TEXT...: 2 is a machine that lacks something, 1 is anything else.
stop() {
  local status=$1
  shift
  printf '%s\n' "$@" >&2
  exit "$status"
}

# quietly NAME COMMAND...: output goes to a log, which is shown when the command fails. Returns the command's status.
quietly() {
  local name=$1 log=$LOGS/$1.log status=0
  shift
  mkdir -p "$LOGS" || stop 1 "drover builds in $ROOT/build, which cannot be written."
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
    printf '== %s failed with %d; all of it is in %s\n' "$name" "$status" "${log#"$ROOT"/}" >&2
  fi
  return "$status"
}

installed() { # PACKAGE...: those of them that are installed
  { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || true; } | awk '$1 == "ii" { print $2 }' | sort -u
}

missing_packages() { # PACKAGE...: those of them that are not
  local have
  have=$(installed "$@")
  printf '%s\n' "$@" | grep -vxF -- "$have" || true
}

has() { # PROGRAM or <HEADER>
  case $1 in
    '<'*) printf '#include %s\n' "$1" | g++ -std=c++20 -E -x c++ - >/dev/null 2>&1 ;;
    *) command -v -- "$1" >/dev/null 2>&1 ;;
  esac
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# Boost's versioned packages exclude each other. Nothing that is installed is ever removed here.
refuse_other_boost() {
  local other
  other=$(installed 'libboost1.*-dev' | grep -E '^libboost1\.[0-9]+-dev$' | grep -vx libboost1.81-dev) || return 0
  stop 2 "$other is installed, and Debian allows one version of Boost's headers at a time; drover needs 1.81." \
    "Remove it (apt-get remove $other) and run this again, or build in a container of debian:12."
}

install_with_apt() { # PACKAGE...
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  [[ " $* " != *" libboost"* ]] || refuse_other_boost
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    stop 2 "Missing packages, and neither root nor sudo to install them. As root:" "  apt-get install $*"
  fi
  say "install $*"
  [ "$(id -u)" -eq 0 ] || ! [ -t 0 ] || sudo -v  # asks for the password here, not into the log
  local package unknown=() lists=read
  # A list of somebody else's that cannot be read is no reason to stop, as long as ours are known.
  quietly apt-update as_root "${apt[@]}" update --error-on=any || lists=unreadable
  for package in "$@"; do
    apt-cache show --no-all-versions -- "$package" >/dev/null 2>&1 || unknown+=("$package")
  done
  if [ ${#unknown[@]} -gt 0 ]; then
    [ $lists = read ] || stop 2 "Packages are missing, and the lists of packages could not be fetched: ${unknown[*]}"
    stop 2 "This system has no package named: ${unknown[*]}" \
      "These are Debian 12's names. Elsewhere install their like, then: cmake --preset release && cmake --build --preset release"
  fi
  quietly apt-install as_root "${apt[@]}" install -y --no-remove --no-install-recommends "$@" ||
    stop 2 "These packages could not be installed: $*"
}

# need PACKAGE...: installs those that are missing. Neither the network nor root is touched when none is.
need() {
  local missing=() package
  if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] || install_with_apt "${missing[@]}"
    return
  fi
  for package in "$@"; do
    has "${PROBE[$package]:-$package}" || missing+=("${PROBE[$package]:-$package} (Debian's $package)")
  done
  [ ${#missing[@]} -eq 0 ] || stop 2 "This is no Debian, and what the build needs is missing:" "${missing[@]/#/  }"
}

# ccache refuses to compile when it has no folder to write to, as for users without a home.
settle_ccache() {
  [ -z "${CCACHE_DIR:-}" ] || return 0
  local usual=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ccache
  if ! mkdir -p -- "$usual" 2>/dev/null || ! [ -w "$usual" ]; then
    export CCACHE_DIR=$ROOT/build/ccache
  fi
}

# build PRESET [CMAKE-OPTION...]: configures and builds build/PRESET.
build() {
  local preset=$1
  shift
  settle_ccache
  say "configure $preset"
  quietly "configure-$preset" cmake --preset "$preset" "$@" || return
  say "build $preset, $JOBS at a time"
  quietly "build-$preset" cmake --build --preset "$preset" -j "$JOBS"
}
